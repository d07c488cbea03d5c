"""Windows of Triton's counters become the time by batch size, with how well it is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import executions

from modelservice_runtime.tuner import curve
from modelservice_runtime.tuner.curve import CurvePoint
from modelservice_runtime.tuner.measured_option import MeasuredOption
from modelservice_runtime.tuner.settings import Option
from modelservice_runtime.tuner.simulation.service_time import ServiceTime
from modelservice_runtime.tuner.statistics import Counters

TRUTH = {1: 5.0, 2: 6.0, 4: 8.0, 8: 12.0}


def noisy(
    seed: int, windows: int = 12, scatter: float = 0.05, drift: float = 0.0, each: int = 10
) -> list[Counters]:
    """Windows of a machine whose executions scatter, and whose moments do."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(windows):
        moment = 1.0 + drift * generator.standard_normal()
        by_size = {}
        for size, ms in TRUTH.items():
            number = int(generator.integers(1, each + 1))
            times = ms * moment * (1.0 + scatter * generator.standard_normal(number))
            by_size[size] = (number, float(times.mean()))
        found.append(executions(0.1, by_size))
    return found


@pytest.mark.parametrize(("scatter", "drift"), [(0.05, 0.0), (0.2, 0.0), (0.05, 0.1)])
def test_the_interval_holds_the_truth_about_nineteen_times_of_twenty(
    scatter: float, drift: float
) -> None:
    held = [
        point.low_ms <= TRUTH[point.batch] <= point.high_ms
        for seed in range(200)
        for point in curve.points(noisy(seed, scatter=scatter, drift=drift))
    ]
    assert 0.90 <= np.mean(held) <= 0.985


def test_the_mean_is_that_of_all_executions() -> None:
    parts = [executions(0.1, {2: (1, 6.0)}), executions(0.1, {2: (3, 10.0)})]
    (point,) = curve.points(parts)
    assert (point.batch, point.milliseconds, point.executions) == (2, 9.0, 4)
    assert point.low_ms < 9.0 < point.high_ms


def test_a_single_window_says_nothing_of_how_well_it_is_known() -> None:
    (point,) = curve.points([executions(0.1, {1: (50, 5.0)})])
    assert point.low_ms == 0.0
    assert not curve.is_tight([point])


def test_sizes_that_hardly_occurred_are_left_out() -> None:
    parts = [executions(0.1, {1: (5, 5.0), 7: (1, 99.0)})]
    assert [point.batch for point in curve.points(parts)] == [1]
    assert curve.points([]) == ()


def test_a_quiet_machine_gives_a_tight_curve_and_a_noisy_one_does_not() -> None:
    assert curve.is_tight(curve.points(noisy(1, scatter=0.02)))
    assert not curve.is_tight(curve.points(noisy(1, windows=4, drift=0.25)))
    assert not curve.is_tight(())


def test_noise_of_the_machine_is_told_from_that_of_executions() -> None:
    quiet, loud = noisy(3, windows=40, scatter=0.02), noisy(3, windows=40, drift=0.2)
    assert curve.noise(quiet) < curve.NOISY_SHARE
    assert curve.noise(loud) == pytest.approx(0.2, abs=0.08)
    assert curve.noise(quiet[:1]) == curve.noise([]) == 0.0


def point(batch: int, ms: float, sure: float = 0.1, many: int = 10) -> CurvePoint:
    """Known to ``sure`` milliseconds."""
    return CurvePoint(
        batch=batch, milliseconds=ms, low_ms=ms - sure, high_ms=ms + sure, executions=many
    )


def test_a_curve_that_surely_falls_is_said_and_pooled() -> None:
    raw = [point(1, 5.0), point(2, 9.0, many=30), point(4, 7.0, many=10), point(8, 12.0)]
    assert curve.falling(raw) == "the latency curve is not monotone (4 rows faster than 2)"
    assert curve.rising(raw) == ((1, 5.0), (2, 8.5), (4, 8.5), (8, 12.0))


def test_a_curve_that_falls_within_what_is_known_is_not_worth_a_word() -> None:
    raw = [point(1, 5.0, sure=1.0), point(2, 4.5, sure=1.0)]
    assert curve.falling(raw) == ""


@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(1, 100)), max_size=12))
def test_what_is_simulated_never_falls_and_spends_as_much(values: list[tuple[float, int]]) -> None:
    raw = [point(n + 1, ms, many=many) for n, (ms, many) in enumerate(values)]
    risen = [ms for _, ms in curve.rising(raw)]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(risen))
    spent = math.fsum(ms * many for ms, many in values)
    after = math.fsum(ms * many for ms, (_, many) in zip(risen, values, strict=True))
    assert after == pytest.approx(spent)


def test_the_gap_is_what_a_busy_instance_does_not_execute() -> None:
    # Two instances, 50 executions of 10 ms each in a second of each instance: 20 ms a turn.
    full = executions(1.0, {8: (100, 10.0)})
    late = executions(1.0, {8: (40, 10.0)})
    assert curve.gap_ms([late, full, full], 2) == pytest.approx(10.0 / 8)
    assert curve.gap_ms([executions(1.0, {8: (100, 10.0)})], 1) == pytest.approx(0.0)
    assert curve.gap_ms([], 1) is None


OPTION = Option(variant="a", instances=2, threads=1)


def option_of(full: Counters, option: Option = OPTION) -> MeasuredOption:
    """Measured under full load."""
    return MeasuredOption(option=option, windows=[full], busy=[full])


def test_instances_that_are_busy_bound_the_rate_and_have_a_gap() -> None:
    seen = option_of(executions(1.0, {8: (180, 10.0)}))
    model = seen.service()
    assert model is not None
    assert seen.busy_share == pytest.approx(0.9)
    assert model.gap == pytest.approx((2 / 180 - 0.010) / 8)
    assert seen.throughput == pytest.approx(8 * 180)


def test_several_instances_are_a_single_one_and_what_they_take_from_each_other() -> None:
    one = ServiceTime(batches=(8,), seconds=(0.008,))
    model = option_of(executions(1.0, {8: (190, 10.0)})).service(one)
    assert model is not None
    assert model.of(8) == pytest.approx(0.008)
    assert model.slower(2).tolist() == pytest.approx([1.0, 1.25])


def test_of_an_option_that_never_executed_there_is_no_model() -> None:
    seen = MeasuredOption(option=OPTION)
    assert seen.service() is None
    assert not seen.is_loose
    assert (seen.throughput, seen.busy_share) == (0.0, 0.0)
