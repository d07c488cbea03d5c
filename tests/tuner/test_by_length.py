"""Times by length: straight lines between, padding's mean, and what runs of one length say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import executions

from modelservice_runtime.contract.traffic import LengthShare, Traffic
from modelservice_runtime.tuner.length_factors import (
    LengthRuns,
    by_length,
    factors_of,
    unmeasured,
)
from modelservice_runtime.tuner.simulation.by_length import ByLength, between, measured_lengths
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

#: Batches of 5 take half as long, as long and twice as long as the curve says.
THREE = ByLength(
    lengths=(10, 20, 40),
    shares=(0.5, 0.3, 0.2),
    batches=(1, 5),
    factors=((0.6, 0.5), (1.0, 1.0), (1.0, 2.0)),
)
#: A batch of b rows takes 10 + b seconds.
CURVE: np.ndarray = np.array([0.0, *(10.0 + size for size in range(1, 9))])


def test_between_measured_sizes_factors_lie_between_and_beyond_they_stay() -> None:
    tables = THREE.tables(CURVE)
    assert tables.shape == (3, 9)
    np.testing.assert_allclose(tables[1], CURVE)
    np.testing.assert_allclose(tables[2][[1, 3, 5, 8]], CURVE[[1, 3, 5, 8]] * [1.0, 1.5, 2.0, 2.0])


FACTORS = st.lists(st.floats(0.1, 10), min_size=2, max_size=2).map(tuple)


@given(FACTORS, FACTORS, FACTORS)
def test_longer_requests_and_more_rows_never_take_less(
    short: tuple[float, ...], middle: tuple[float, ...], long: tuple[float, ...]
) -> None:
    tables = replace(THREE, factors=(short, middle, long)).tables(CURVE)
    assert bool((np.diff(tables, axis=0) >= 0).all())
    assert bool((np.diff(tables, axis=1) >= 0).all())


def test_a_padded_batch_takes_on_average_what_its_longest_takes() -> None:
    drawn = np.random.default_rng(1).choice(3, size=(40_000, 4), p=THREE.shares)
    seen = THREE.tables(CURVE)[drawn.max(axis=1), 4].mean()
    padded = replace(THREE, padded=True)
    assert padded.full_batches(CURVE)[4] == pytest.approx(seen, rel=0.01)
    # Two rows a request: two requests make a batch of four.
    two = replace(padded, rows=2.0)
    seen = THREE.tables(CURVE)[drawn[:, :2].max(axis=1), 4].mean()
    assert two.full_batches(CURVE)[4] == pytest.approx(seen, rel=0.01)


def test_equal_lengths_take_their_share_of_the_time() -> None:
    expected = np.array(THREE.shares) @ THREE.tables(CURVE)
    np.testing.assert_allclose(THREE.full_batches(CURVE), expected)


def test_the_mean_is_over_what_was_executed_and_sizes_that_were_not_follow_the_nearest() -> None:
    counted = np.zeros((3, 9), np.int64)
    counted[0, 5], counted[2, 5] = 3, 1
    means, tables = THREE.means(CURVE, counted), THREE.tables(CURVE)
    assert means[5] == pytest.approx((3 * 0.5 + 2.0) / 4 * 15.0)
    np.testing.assert_allclose(means, (3 * tables[0] + tables[2]) / 4)
    np.testing.assert_allclose(
        THREE.means(CURVE, np.zeros((3, 9), np.int64)), THREE.full_batches(CURVE)
    )


def test_a_service_time_without_lengths_is_its_curve() -> None:
    service = ServiceTime(batches=(1, 2), seconds=(11.0, 12.0))
    for table in (service.full_batches(8), service.means(np.ones((1, 9)), 8)):
        np.testing.assert_array_equal(table, service.table(8))


def test_at_most_four_lengths_are_measured_the_ends_among_them() -> None:
    assert measured_lengths((16,)) == (16,)
    assert measured_lengths((128, 16)) == (16, 128)
    found = measured_lengths((8, 16, 32, 64, 128, 256, 512, 1024))
    assert len(found) == 4
    assert (found[0], found[-1]) == (8, 1024)


def test_lengths_that_were_not_measured_lie_between_those_that_were() -> None:
    known = {10: np.array([0.5, 0.4]), 30: np.array([1.0, 1.0])}
    assert between((5, 10, 20, 30, 60), known) == (
        (0.5, 0.4), (0.5, 0.4), (0.75, 0.7), (1.0, 1.0), (1.0, 1.0),
    )  # fmt: skip


#: 4 + b milliseconds; beside another instance half as slow again.
BASE = ServiceTime(batches=(1, 16), seconds=(0.005, 0.020), contention=(1.0, 1.5))


def test_factors_are_what_was_counted_beside_the_curve() -> None:
    """Lone requests of length 10 take half, full batches a third: beside others, as counted."""
    seen = {
        10: LengthRuns(
            lone=[executions(0.5, {1: (20, 2.5)})],
            full=[executions(0.5, {8: (10, 12 * 1.5 / 3), 7: (1, 11 * 1.5 / 3)})],
        )
    }
    found = factors_of(BASE, 40, seen, (1, 8))
    assert found.batches == (1, 8)
    assert found.rows[40] == (1.0, 1.0)
    assert found.rows[10] == pytest.approx((0.5, 1 / 3), rel=1e-4)


@pytest.mark.parametrize(
    ("lone", "full", "expected"),
    [
        ([], [executions(0.5, {8: (10, 9.0)})], (0.5, 0.5)),
        ([executions(0.5, {1: (20, 2.5)})], [], (0.5, 0.5)),
        ([], [], None),
    ],
)
def test_what_could_not_be_measured_is_taken_from_the_other_run_or_left_out(
    lone: list[object], full: list[object], expected: tuple[float, ...] | None
) -> None:
    found = factors_of(BASE, 40, {10: LengthRuns(lone=lone, full=full)}, (1, 8))  # type: ignore[arg-type]
    assert found.rows.get(10) == (pytest.approx(expected) if expected else None)


def test_with_batches_of_one_there_is_one_factor() -> None:
    seen = {10: LengthRuns(lone=[executions(0.5, {1: (20, 2.5)})], full=[])}
    assert factors_of(BASE, 40, seen, (1, 1)).rows == {40: (1.0,), 10: (0.5,)}


LENGTHS = (LengthShare(length=40, percent=25.0), LengthShare(length=10, percent=75.0))


def test_a_traffic_of_several_lengths_has_them_in_order() -> None:
    found = by_length(unmeasured(40), Traffic(lengths=LENGTHS), padded=True)
    assert found == ByLength(
        lengths=(10, 40), shares=(0.75, 0.25), batches=(1,), factors=((1.0,), (1.0,)), padded=True
    )


def test_one_length_is_that_of_the_curve() -> None:
    assert by_length(unmeasured(40), Traffic(lengths=LENGTHS[:1]), padded=False) is None
    assert by_length(unmeasured(0), Traffic(), padded=False) is None
