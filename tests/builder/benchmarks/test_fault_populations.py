"""Populations: the same rows every time, as many as were asked for, none that lies."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from optimizer_figures.gate import answers, cut_outs, digits, made_up, population, populations
from optimizer_figures.gate import sentences as prose
from optimizer_figures.gate.population import Table
from optimizer_figures.gate.sources import Place, Source

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(work=tmp_path, repository=ROOT)


def test_varied_digits_begin_with_those_that_there_are_and_keep_their_labels() -> None:
    pictures = np.random.default_rng(0).random((3, 1, 16, 16), np.float32)
    labels = np.array([7, 8, 9])
    found, its_labels = digits.varied(pictures, labels, 11, seed=1)
    again, _ = digits.varied(pictures, labels, 11, seed=1)
    np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(found[:3], pictures)
    np.testing.assert_array_equal(its_labels, [7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8])
    assert found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1
    assert len({row.tobytes() for row in found}) == 11


def test_sentences_of_the_tagger_are_as_many_as_wanted_and_new(place: Place) -> None:
    few, more = (made_up.tagged_sentences(place, rows, 0) for rows in (50, 80))
    assert (len(few), len(more)) == (50, 80)
    np.testing.assert_array_equal(few.rows(0, 50)["words"], more.rows(0, 50)["words"])
    assert few.digest != more.digest
    assert few.labels is not None
    assert few.labels.shape == (50, 24)


def test_cut_outs_are_taken_where_they_say() -> None:
    pictures = [
        np.random.default_rng(n).integers(0, 256, (230 + n, 240, 3), np.uint8) for n in range(2)
    ]
    places = cut_outs.drawn(pictures, 100, np.random.default_rng(0))
    assert len(np.unique(places, axis=0)) == len(places) == 100
    rows = cut_outs.CutOuts(pictures=pictures, places=places, digest="")
    images = rows.rows(0, 100)["image"]
    assert images.shape == (100, 3, 224, 224)
    for image, (picture, top, left, mirrored) in zip(images, places, strict=True):
        piece = pictures[picture][top : top + 224, left : left + 224]
        piece = piece[:, ::-1] if mirrored else piece
        np.testing.assert_array_equal(image, cut_outs.normalised(piece).transpose(2, 0, 1))


def test_pixels_are_normalised_as_the_example_does_it() -> None:
    """Its model.py cannot be imported beside the others', so its formula is run."""
    tree = ast.parse((ROOT / "examples/image-classifier/model.py").read_text(encoding="utf-8"))
    (function,) = [
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "normalised"
    ]
    formula = compile(ast.Expression(function.body[-1].value), "model.py", "eval")  # type: ignore[attr-defined]
    import torch  # noqa: PLC0415 - for this test alone

    pixels = torch.arange(256, dtype=torch.uint8)
    expected = eval(formula, {"torch": torch, "pixels": pixels})  # noqa: S307 - the project's own
    np.testing.assert_array_equal(cut_outs.normalised(pixels.numpy()), expected.numpy())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Return the sum of all values. It is a float.", ["Return the sum of all values."]),
        (
            "Wrapped over two lines,\nas docstrings are.",
            ["Wrapped over two lines, as docstrings are."],
        ),
        ("Takes `x` and returns its square root here.", []),
        ("no capital at the start of this one.", []),
        ("Too short this.", []),
        (
            "A paragraph with *markup* is left out.\n\nThe next one without it is taken.",
            ["The next one without it is taken."],
        ),
    ],
)
def test_sentences_are_whole_and_without_markup(text: str, found: list[str]) -> None:
    assert list(prose.sentences(text)) == found


def test_documentation_comes_from_the_files_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "package/tests").mkdir(parents=True)
    words = '"""The first sentence of this file is here."""\n'
    (tmp_path / "package/a.py").write_text(
        words + 'def f():\n    """Another sentence is in this function."""\n'
    )
    (tmp_path / "package/tests/b.py").write_text(words)
    assert list(prose.documentation(tmp_path, "package")) == [
        "The first sentence of this file is here.",
        "Another sentence is in this function.",
    ]


def test_fewer_rows_than_wanted_are_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Table.of({"image": np.zeros((3, 1))})
    monkeypatch.setitem(populations._MAKE, "digits", lambda *_: short)  # type: ignore[misc]
    with pytest.raises(ValueError, match="digits: 3 rows, 4 are wanted"):
        populations.population(place, "digits", 4)


def test_other_rows_have_another_digest() -> None:
    one = {"a": np.zeros(3), "b": np.ones(3)}
    assert population.digest_of(one) == population.digest_of(dict(reversed(one.items())))
    assert population.digest_of(one) != population.digest_of({"a": np.ones(3), "b": np.zeros(3)})


def test_answers_are_computed_once_and_whole(
    classifier: Source, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, path = Table.of({"image": images}), tmp_path / "answers" / "a.npy"
    found = answers.answers(classifier.path, rows, path, print)
    assert found.shape == (40, 4)
    assert [file.name for file in path.parent.iterdir()] == ["a.npy"]
    monkeypatch.setattr(answers, "_session", None)  # would be called
    np.testing.assert_array_equal(answers.answers(classifier.path, rows, path, print), found)


def test_answers_that_broke_off_are_not_taken_for_whole_ones(
    classifier: Source, images: np.ndarray, tmp_path: Path
) -> None:
    class Breaking(Table):
        def rows(self, first: int, last: int) -> dict[str, np.ndarray]:
            if first:
                raise OSError("the disk is full")
            return dict(super().rows(first, last))

    path = tmp_path / "a.npy"
    with pytest.raises(OSError, match="disk is full"):
        answers.answers(classifier.path, Breaking.of({"image": images}), path, print)
    assert not path.exists()
    found = answers.answers(classifier.path, Table.of({"image": images}), path, print)
    assert np.isfinite(found).all()
