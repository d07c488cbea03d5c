"""The decision whether an artifact is equal enough, over all kinds of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder import parity
from modelservice_runtime.contract.requests import ParityTolerance

TOLERANCE = ParityTolerance()
FLOATS = st.floats(-1e6, 1e6, width=32)
ROWS = st.lists(FLOATS, min_size=1, max_size=20).map(lambda row: np.array([row], np.float32))


def judge(
    expected: np.ndarray, actual: np.ndarray, tolerance: ParityTolerance = TOLERANCE
) -> tuple[parity.Difference, str]:
    found = parity.compare({"y": expected}, {"y": actual}, batch=1, tolerance=tolerance)
    return found[0], parity.verdict(found)


@given(ROWS)
def test_an_array_equals_itself_at_no_tolerance(array: np.ndarray) -> None:
    exact = ParityTolerance(absolute=0.0, relative=0.0, cosine=0.999999)
    difference, reason = judge(array, array.copy(), exact)
    assert reason == ""
    assert difference.max_absolute == 0.0
    assert difference.cosine == pytest.approx(1.0)


@given(ROWS, st.data())
def test_the_elementwise_verdict_is_numpys_isclose(array: np.ndarray, data: st.DataObject) -> None:
    shift = data.draw(st.floats(-2e-3, 2e-3))
    moved = (array + np.float32(shift)).astype(np.float32)
    loose = ParityTolerance(cosine=-1.0)
    _, reason = judge(array, moved, loose)
    close = np.isclose(moved.astype(float), array.astype(float), rtol=1e-3, atol=1e-3).all()
    assert (reason == "") == bool(close)


@given(ROWS, st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_nan_and_inf_never_pass(array: np.ndarray, poison: float, data: st.DataObject) -> None:
    damaged = array.copy()
    damaged[0, data.draw(st.integers(0, array.shape[1] - 1))] = poison
    assert "the artifact gives NaN or Inf" in judge(array, damaged)[1]
    assert "the source model itself gives NaN or Inf" in judge(damaged, array)[1]
    assert judge(damaged, damaged)[1] != ""


@given(ROWS, st.floats(1.0, 100.0))
def test_more_tolerance_never_turns_a_pass_into_a_rejection(
    array: np.ndarray, factor: float
) -> None:
    moved = (array * np.float32(1.0005)).astype(np.float32)
    wider = ParityTolerance(absolute=1e-3 * factor, relative=1e-3 * factor, cosine=TOLERANCE.cosine)
    if judge(array, moved)[1] == "":
        assert judge(array, moved, wider)[1] == ""


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_integers_must_be_equal_whatever_the_tolerance(numbers: list[int]) -> None:
    array = np.array([numbers], np.int64)
    loose = ParityTolerance(absolute=100.0, relative=100.0, cosine=-1.0)
    assert judge(array, array, loose)[1] == ""
    assert "integers differ" in judge(array, array + 1, loose)[1]


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (np.ones((2, 2), np.float32), "the artifact gives [2, 2], the source model [2, 3]"),
        (np.ones((2, 3), np.float64), "the artifact gives float64, the source model float32"),
        (None, "the artifact does not give it"),
        (np.full((2, 3), 1.01, np.float32), "differs by 0.01 where the source model gives 1"),
        (-np.ones((2, 3), np.float32) * 1e-4, "differs by 1"),
    ],
    ids=["shape", "type", "missing", "too far", "opposite"],
)
def test_the_reason_names_output_batch_figure_and_limit(
    actual: np.ndarray | None, words: str
) -> None:
    outputs = {} if actual is None else {"scores": actual}
    expected = {"scores": np.ones((2, 3), np.float32)}
    found = parity.compare(expected, outputs, batch=2, tolerance=TOLERANCE)
    reason = parity.verdict(found)
    assert reason.startswith("output 'scores' at batch 2: ")
    assert words in reason


def test_a_direction_that_turned_is_rejected_although_every_element_is_near_zero() -> None:
    small = np.full((1, 3), 1e-4, np.float32)
    assert "cosine -1.000000 is below the minimum 0.9999" in judge(small, -small)[1]


def test_the_points_are_the_worst_over_all_outputs_of_a_batch() -> None:
    ones = np.ones((1, 2), np.float32)
    found = parity.compare(
        {"a": ones, "b": ones},
        {"a": ones * 1.0001, "b": ones * 1.0005},
        batch=1,
        tolerance=TOLERANCE,
    )
    (point,) = parity.points(found)
    assert point.batch == 1
    assert point.max_absolute == pytest.approx(0.0005, rel=0.01)


def test_differences_too_large_for_json_are_still_numbers() -> None:
    huge = np.array([[1e308]], np.float64)
    difference, reason = judge(huge, -huge)
    assert reason != ""
    assert np.isfinite([difference.max_absolute, difference.max_relative]).all()
