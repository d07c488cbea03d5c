"""The model of an execution's time: what was measured, straight lines, never less for more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.tuner.simulation.service_time import ServiceTime, spread_of

MEASURED = ServiceTime(batches=(1, 4, 8), seconds=(0.010, 0.016, 0.020))


def test_measured_sizes_take_what_was_measured_and_those_between_lie_between() -> None:
    assert [MEASURED.of(size) for size in (1, 4, 8)] == [0.010, 0.016, 0.020]
    assert MEASURED.of(2) == pytest.approx(0.012)


def test_beyond_the_last_one_it_goes_on_as_between_the_last_two() -> None:
    assert MEASURED.of(12) == pytest.approx(0.024)


def test_a_single_measured_size_is_taken_as_if_each_further_row_took_as_long_again() -> None:
    one = ServiceTime(batches=(4,), seconds=(0.020,))
    assert one.of(4) == one.of(1) == pytest.approx(0.020)
    assert one.of(8) == pytest.approx(0.040)


def test_nothing_takes_no_time() -> None:
    assert MEASURED.table(8)[0] == 0.0


CURVES = st.dictionaries(st.integers(1, 64), st.floats(1e-5, 10), min_size=1, max_size=8)


@given(CURVES, st.integers(1, 128))
def test_more_rows_never_take_less(points: dict[int, float], largest: int) -> None:
    known = sorted(points.items())
    service = ServiceTime(
        batches=tuple(size for size, _ in known), seconds=tuple(value for _, value in known)
    )
    table = service.table(largest)
    assert len(table) == largest + 1
    assert bool(np.all(np.diff(table) >= 0))
    assert bool(np.all(table[1:] > 0))


@given(st.floats(0.4, 2.5), st.floats(0.25, 8))
def test_a_model_put_right_is_so_many_times_as_slow_and_its_scatter_keeps_its_mean(
    speed: float, scatter: float
) -> None:
    wide = ServiceTime(batches=(1,), seconds=(1.0,), spread=(0.9, 1.0, 1.1))
    changed = wide.scaled(speed, scatter)
    assert changed.of(1) == pytest.approx(speed)
    assert float(np.mean(changed.spread)) == pytest.approx(1.0)
    wider = max(changed.spread) - min(changed.spread) > 0.2
    assert wider == (scatter > 1.0) or scatter == pytest.approx(1.0, abs=0.05)


def test_contention_beyond_what_was_seen_is_as_the_last() -> None:
    service = ServiceTime(batches=(1,), seconds=(1.0,), contention=(1.0, 1.2))
    assert service.slower(4).tolist() == [1.0, 1.2, 1.2, 1.2]
    assert service.slower(1).tolist() == [1.0]


PERCENTILES = st.fixed_dictionaries(
    {50: st.floats(0.1, 100), 90: st.floats(0.1, 100), 99: st.floats(0.1, 100)}
)


@given(PERCENTILES)
def test_a_spread_has_the_mean_one_and_rises(percentiles: dict[int, float]) -> None:
    spread = np.array(spread_of(percentiles))
    assert spread.mean() == pytest.approx(1.0)
    assert bool(np.all(np.diff(spread) >= 0))
    assert bool(np.all(spread > 0))


def test_equal_percentiles_do_not_scatter() -> None:
    assert set(np.round(spread_of({50: 3.0, 90: 3.0, 99: 3.0}), 12)) == {1.0}


def test_a_tail_is_kept() -> None:
    spread = np.array(spread_of({50: 10.0, 90: 10.0, 95: 20.0, 99: 40.0}))
    assert np.percentile(spread, 99) / np.percentile(spread, 50) == pytest.approx(4.0, rel=0.1)


def test_each_execution_draws_its_factor_in_turn_and_always_the_same() -> None:
    wide = ServiceTime(batches=(1,), seconds=(1.0,), spread=tuple([1.0] * 50))
    assert wide.draws().tolist() == wide.draws().tolist()
    assert set(wide.draws().tolist()) == set(range(50))
