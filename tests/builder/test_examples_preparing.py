"""The small formats that the examples are prepared with, against the packages that know them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from example_files import prepare
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from preparing import png, resize, tensors
from preparing.wordpiece import WordPiece, words
from safetensors.numpy import load

VOCABULARY = {
    name: number
    for number, name in enumerate(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##able", "##a", "unable", "cafe", "!", "##ble"]
    )
}
PIECES = WordPiece(vocabulary=VOCABULARY)


@given(
    arrays.arrays(np.float32, arrays.array_shapes(max_dims=3), elements=st.floats(width=32)),
    arrays.arrays(np.int64, arrays.array_shapes(max_dims=2)),
)
def test_safetensors_are_read_by_the_package_as_they_were_given(
    floats: np.ndarray, integers: np.ndarray
) -> None:
    given_tensors = {
        "z": tensors.floats(floats.ravel().tolist(), *floats.shape),
        "a": tensors.integers(integers.ravel().tolist(), *integers.shape),
    }
    found = load(tensors.encoded(given_tensors))

    np.testing.assert_array_equal(found["z"], floats)
    np.testing.assert_array_equal(found["a"], integers)
    assert found["z"].dtype == np.float32
    turned = dict(reversed(given_tensors.items()))
    assert tensors.encoded(turned) == tensors.encoded(given_tensors)


def test_numbers_that_do_not_fill_the_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 numbers do not fill \[2, 2\]"):
        tensors.floats([1, 2, 3], 2, 2)


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.booleans(),
)
def test_pictures_are_read_as_pillow_wrote_them(pixels: np.ndarray, grey: bool) -> None:  # noqa: FBT001
    image = Image.fromarray(pixels).convert("L" if grey else "RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    path = Path("picture.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda _: buffer.getvalue())
        found = png.read(path)

    assert (found.width, found.height) == image.size
    assert found.pixels == image.tobytes()


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_each_filter_of_png_is_undone(kind: int) -> None:
    """The formulas of the specification, applied to random rows."""
    random = np.random.default_rng(kind)
    above, row = (random.integers(0, 256, 12).tolist() for _ in range(2))
    filtered = bytearray()
    for i, value in enumerate(row):
        left, up = (row[i - 3] if i >= 3 else 0), above[i]
        corner = above[i - 3] if i >= 3 else 0
        nearest = min((left, up, corner), key=lambda one: abs(one - (left + up - corner)))
        guess = [0, left, up, (left + up) // 2, nearest][kind]
        filtered.append((value - guess) % 256)

    png._undo(kind, filtered, bytes(above), 3)

    assert list(filtered) == row


@pytest.mark.parametrize("mode", ["P", "RGBA", "1"])
def test_pictures_of_other_kinds_are_refused(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / "picture.png")

    with pytest.raises(ValueError, match=r"picture\.png: only 8-bit grey and RGB"):
        png.read(tmp_path / "picture.png")


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"GIF89a")

    with pytest.raises(ValueError, match="is no PNG file"):
        png.read(tmp_path / "picture.png")


@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.data())
def test_a_shrunk_line_holds_the_means_of_its_stretches(
    line: list[int], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(line)))
    fine = np.repeat(np.array(line, float), size).reshape(size, len(line)).mean(1)

    np.testing.assert_allclose(resize.shrunk(line, size), fine, atol=0.5 + 1e-9)


def test_a_picture_keeps_its_channels_and_proportions() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:2, :, 0], pixels[:, 3:, 2] = 200, 90
    given_picture = png.Picture(width=6, height=4, channels=3, pixels=pixels.tobytes())

    found = resize.resized(given_picture, 2, 2)

    wanted = [[[200, 0, 0], [200, 0, 90]], [[0, 0, 0], [0, 0, 90]]]
    assert np.frombuffer(found.pixels, np.uint8).reshape(2, 2, 3).tolist() == wanted


def test_the_longest_piece_is_taken_and_the_rest_is_padding() -> None:
    assert PIECES.numbers("Unable CAFÉ!", 8) == [2, 7, 8, 9, 3, 0, 0, 0]
    assert PIECES.numbers("unaable", 6) == [2, 4, 6, 5, 3, 0]


def test_a_word_without_pieces_is_unknown_as_a_whole() -> None:
    assert PIECES.numbers("unx cafe", 5) == [2, 1, 8, 3, 0]
    assert PIECES.numbers("a" * 101, 3) == [2, 1, 3]


def test_a_long_text_ends_with_its_separator() -> None:
    assert PIECES.numbers("cafe " * 9, 4) == [2, 8, 8, 3]
    assert PIECES.numbers("", 3) == [2, 3, 0]


def test_words_lose_case_accents_and_control_characters() -> None:
    assert list(words("Señor\u200b O'Neil\tpaid\u00a0€5…")) == [
        "senor", "o", "'", "neil", "paid", "€5", "…",
    ]  # fmt: skip


@given(arrays.arrays(np.int64, 64, elements=st.integers(0, 16)))
def test_digits_are_enlarged_as_by_bilinear_interpolation(pixels: np.ndarray) -> None:
    small = torch.tensor(pixels.reshape(1, 1, 8, 8), dtype=torch.float64) / 16
    wanted = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)

    found = prepare.load_data("digits").enlarged(pixels.tolist())

    assert found == wanted.flatten().tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- - Hello there.\n  - Hi.\n", ["Hello there.", "Hi."]),
        (
            "- - A line that\n    goes on.\n  - 'It''s ''so''.'\n",
            ["A line that goes on.", "It's 'so'."],
        ),
        ('- - "Say \\"yes\\"."\n', ['Say "yes".']),
    ],
)
def test_what_is_said_in_the_corpus_is_read(text: str, said: list[str]) -> None:
    data = prepare.load_data("sentence-encoder")

    assert list(data.utterances(f"categories:\n- a\nconversations:\n{text}")) == said


def test_sentences_count_once_whatever_their_capitals() -> None:
    data = prepare.load_data("sentence-encoder")

    assert data.unique(["Hi you.", "Bye.", "hi YOU."]) == ["Hi you.", "Bye."]


def test_an_image_row_is_normalised_as_the_model_takes_it() -> None:
    data = prepare.load_data("image-classifier")
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    picture = png.Picture(width=224, height=224, channels=3, pixels=pixels.tobytes())

    class Never:
        """Not mirrored, nowhere but at the corner."""

        def randint(self, low: int, high: int) -> int:
            assert low == high == 0
            return 0

        def random(self) -> float:
            return 0.9

    row = np.frombuffer(data.piece(picture, Never()), np.float16).reshape(3, 224, 224)

    wanted = (pixels.transpose(2, 0, 1).astype(np.float32) - 127) / 128
    np.testing.assert_array_equal(row.astype(np.float32), wanted)
