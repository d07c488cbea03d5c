"""Three parts that share no row: disjoint, complete, the same in every build, of the right size."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.evaluation.data import from_arrays
from modelservice_runtime.builder.evaluation.splitting import (
    CALIBRATION_MOST,
    FEWEST,
    SELECTION_MOST,
    Rows,
    divide,
    rows_for,
    sizes,
    split,
)

PARTS = ("calibration", "selection", "gate")
KEYS = st.lists(st.integers(0, 40), min_size=1, max_size=200).map(
    lambda numbers: [bytes([number]) for number in numbers]
)


def parts_of(rows: Rows) -> list[np.ndarray]:
    return [getattr(rows, name) for name in PARTS]


def distinct(rows: int) -> list[bytes]:
    return [row.to_bytes(4, "big") for row in range(rows)]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[bytes], list[int] | None]:
    keys = draw(KEYS)
    same = st.lists(st.integers(-3, 3), min_size=len(keys), max_size=len(keys))
    return keys, draw(st.none() | same)


@given(labelled(), st.text(max_size=5))
def test_every_row_is_in_exactly_one_part(
    rows: tuple[list[bytes], list[int] | None], digest: str
) -> None:
    keys, classes = rows
    found = np.concatenate(parts_of(divide(keys, classes, digest)))
    assert sorted(found.tolist()) == list(range(len(keys)))


@given(labelled(), st.text(max_size=5))
def test_equal_rows_are_in_the_same_part(
    rows: tuple[list[bytes], list[int] | None], digest: str
) -> None:
    keys, classes = rows
    contents = [{keys[row] for row in part} for part in parts_of(divide(keys, classes, digest))]
    assert sum(len(content) for content in contents) == len(set(keys))


@given(labelled(), st.text(max_size=5))
def test_no_part_is_larger_than_it_may_be(
    rows: tuple[list[bytes], list[int] | None], digest: str
) -> None:
    keys, classes = rows
    found = divide(keys, classes, digest)
    calibration, selection = sizes(len(keys))
    assert len(found.calibration) <= calibration
    assert len(found.selection) <= selection


@given(labelled(), st.randoms())
def test_the_order_of_the_rows_does_not_matter(
    rows: tuple[list[bytes], list[int] | None], random: object
) -> None:
    keys, _ = rows
    order = list(range(len(keys)))
    random.shuffle(order)  # type: ignore[attr-defined]
    before = parts_of(divide(keys, None, "d"))
    after = parts_of(divide([keys[row] for row in order], None, "d"))
    for one, other in zip(before, after, strict=True):
        assert sorted(one.tolist()) == sorted(order[row] for row in other)


def test_the_draw_follows_the_digest() -> None:
    first, again, other = (divide(distinct(100), None, digest) for digest in ("a", "a", "b"))
    np.testing.assert_array_equal(first.gate, again.gate)
    assert first.gate.tolist() != other.gate.tolist()


@pytest.mark.parametrize(
    ("rows", "calibration", "selection", "gate"),
    [
        (1, 0, 0, 1),
        (29, 0, 0, 29),
        (30, 4, 7, 19),
        (100, 15, 25, 60),
        (1000, 150, 250, 600),
        (2000, 256, 500, 1244),
        (20_000, 256, 2000, 17_744),
    ],
)
@pytest.mark.parametrize("classes", [False, True], ids=["unlabelled", "labelled"])
def test_the_sizes_of_the_parts(
    rows: int, calibration: int, selection: int, gate: int, *, classes: bool
) -> None:
    labels = [row % 7 for row in range(rows)] if classes else None
    found = parts_of(divide(distinct(rows), labels, "d"))
    assert [len(part) for part in found] == [calibration, selection, gate]


@given(st.integers(0, 30_000))
def test_so_many_rows_and_more_give_the_gate_what_it_needs(gate_rows: int) -> None:
    rows = rows_for(gate_rows)
    for given_rows in range(rows, rows + 50):
        assert given_rows - sum(sizes(given_rows)) >= gate_rows


@given(st.integers(FEWEST, 30_000))
def test_no_more_rows_are_asked_for_than_a_few_too_many(gate_rows: int) -> None:
    rows = rows_for(gate_rows) - 4
    assert rows - sum(sizes(rows)) < gate_rows
    assert rows <= gate_rows + CALIBRATION_MOST + SELECTION_MOST


def test_each_part_has_its_share_of_every_class() -> None:
    classes = [0] * 600 + [1] * 300 + [2] * 100
    found = divide(distinct(1000), classes, "d")
    for part in parts_of(found):
        counts = Counter(classes[row] for row in part)
        for label, share in ((0, 0.6), (1, 0.3), (2, 0.1)):
            assert abs(counts[label] - share * len(part)) <= 1.5


def test_a_class_of_one_row_is_the_gates() -> None:
    classes = [0] * 99 + [1]
    for digest in "abcdefgh":
        assert 99 in divide(distinct(100), classes, digest).gate


def test_the_rows_of_a_class_are_drawn_and_not_taken_in_order() -> None:
    classes = [0] * 500 + [1] * 500
    calibration = divide(distinct(1000), classes, "d").calibration
    assert calibration.min() < 50
    assert 400 < np.sort(calibration)[len(calibration) // 2] < 600
    assert calibration.max() > 950


@given(st.integers(1, 80), st.booleans())
def test_the_parts_of_data_are_its_rows(rows: int, labels: bool) -> None:  # noqa: FBT001
    values = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    classes = np.arange(rows) % 3 if labels else None
    data = from_arrays({"x": values}, classes, given="made")
    found = split(data, hashlib.sha256(values.tobytes()).hexdigest())
    seen = []
    for name in PARTS:
        part = getattr(found, name)
        assert len(part) == len(part.inputs["x"])
        assert part.inputs["x"].shape[1:] == (2,)
        seen += part.inputs["x"][:, 0].tolist()
        if labels:
            np.testing.assert_array_equal(part.labels, part.inputs["x"][:, 0] // 2 % 3)
        else:
            assert part.labels is None
    assert sorted(seen) == values[:, 0].tolist()


def test_token_labels_and_floats_are_not_stratified() -> None:
    values = np.arange(100, dtype=np.float32)
    for labels in (np.zeros((100, 4), np.int64), np.arange(100) / 7):
        plain = split(from_arrays({"x": values}, None, given=""), "d")
        found = split(from_arrays({"x": values}, labels, given=""), "d")
        np.testing.assert_array_equal(plain.gate.inputs["x"], found.gate.inputs["x"])
