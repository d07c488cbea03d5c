"""The model put right from measured runs: it finds the speed and the scatter that they had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import counted

from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.calibration import Seen, believed, fitted
from modelservice_runtime.tuner.simulation.arrivals import Source
from modelservice_runtime.tuner.simulation.loads import AtTimes
from modelservice_runtime.tuner.simulation.outcomes import Batching, open_loop
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

MODEL = ServiceTime(
    batches=(1, 8),
    seconds=(0.005, 0.012),
    spread=tuple(np.linspace(0.8, 1.2, 50).tolist()),
    overhead=0.0005,
)
BATCHING = Batching(instances=1, max_batch=8)
SOURCE = Source(rows_per_request=SINGLE_ROWS)


def seen(
    truth: ServiceTime,
    rate: float = 200.0,
    seed: int = 3,
    goal: float = 0.03,
    batching: Batching = BATCHING,
) -> Seen:
    """What a client and Triton's counters would have said of ``truth``."""
    requests = SOURCE.at(rate, 3000, seed)
    outcome = open_loop(truth, batching, requests)
    return Seen(
        batching=batching,
        load=AtTimes(requests=requests),
        executions=counted(outcome, truth),
        median_ms=outcome.quantile(50) * 1000,
        tail_ms=outcome.quantile(99) * 1000,
        goal_ms=goal * 1000,
        violations=outcome.violations(goal),
    )


def test_a_model_that_is_right_is_left_alone() -> None:
    fit = fitted(MODEL, [seen(MODEL)], 99)
    assert fit.speed == pytest.approx(1.0, abs=0.01)
    assert fit.overhead == pytest.approx(0.0, abs=1e-4)
    assert fit.scatter == 1.0
    assert (fit.median_error, fit.tail_error) == (0.0, 0.0)
    assert fit.agrees


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 1.3, 3.0])
def test_a_known_speed_is_found(speed: float) -> None:
    rate = 100.0 if speed > 2 else 200.0
    fit = fitted(MODEL, [seen(MODEL.scaled(speed), rate=rate, goal=0.2)], 99)
    assert fit.speed == pytest.approx(speed, rel=0.05)
    assert fit.service.of(8) == pytest.approx(MODEL.of(8) * speed, rel=0.05)
    if not 0.85 < speed < 1.15:
        assert not fit.agrees


@pytest.mark.parametrize("rate", [20.0, 100.0, 200.0])
@pytest.mark.parametrize("scatter", [2.0, 4.0])
def test_a_known_scatter_is_found(scatter: float, rate: float) -> None:
    truth = MODEL.scaled(1.0, scatter)
    fit = fitted(MODEL, [seen(truth, rate=rate, seed=seed) for seed in (1, 2, 3)], 99)
    assert fit.speed == pytest.approx(1.0, abs=0.1)
    assert fit.scatter == pytest.approx(scatter, rel=0.4)


def test_a_known_overhead_is_found() -> None:
    truth = replace(MODEL, overhead=0.004)
    fit = fitted(MODEL, [seen(truth)], 99)
    assert fit.overhead == pytest.approx(0.0035, abs=0.0005)
    assert fit.speed == pytest.approx(1.0, abs=0.05)
    assert fit.service.overhead == pytest.approx(0.004, abs=0.0005)


def test_an_overhead_is_never_less_than_none() -> None:
    truth = replace(MODEL, overhead=0.0)
    fit = fitted(replace(MODEL, overhead=0.002), [seen(truth)], 99)
    assert 0.0 <= fit.service.overhead < 0.001


def test_all_at_once() -> None:
    """The model put right says what a second run shows."""
    truth = replace(MODEL.scaled(1.2, 3.0), overhead=0.001)
    fit = fitted(MODEL, [seen(truth, rate=100.0)], 99)
    again, model = (seen(service, rate=100.0, seed=9) for service in (truth, fit.service))
    assert model.median_ms == pytest.approx(again.median_ms, rel=0.1)
    assert model.tail_ms == pytest.approx(again.tail_ms, rel=0.1)


def test_contention_is_not_counted_twice() -> None:
    """Executions of two instances are slower than a lone one, and the model knows that."""
    two = Batching(instances=2, max_batch=8)
    model = replace(MODEL, contention=(1.0, 1.5))
    fit = fitted(model, [seen(model, rate=400.0, batching=two)], 99)
    assert fit.speed == pytest.approx(1.0, abs=0.02)


def test_an_overloaded_run_says_something_of_the_speed_and_nothing_of_the_tail() -> None:
    truth = MODEL.scaled(1.3)
    run = seen(truth, rate=700.0, goal=0.02)
    assert run.is_overload
    fit = fitted(MODEL, [run], 99)
    assert fit.speed == pytest.approx(1.3, rel=0.05)
    assert (fit.scatter, fit.overhead, fit.tail_error) == (1.0, 0.0, 0.0)


def test_of_several_runs_the_middle_one_counts() -> None:
    """One that a neighbour disturbed changes nothing."""
    runs = [seen(MODEL, seed=1), seen(MODEL, seed=2), seen(MODEL.scaled(2.2), seed=3)]
    fit = fitted(MODEL, runs, 99)
    assert fit.speed == pytest.approx(1.0, abs=0.02)
    assert fit.agrees


def test_where_triton_counted_nothing_the_latencies_have_to_do() -> None:
    run = replace(seen(replace(MODEL, overhead=0.004)), executions={})
    fit = fitted(MODEL, [run], 99)
    assert fit.speed == 1.0
    assert fit.overhead == pytest.approx(0.0035, abs=0.0005)


def test_what_the_model_overstates_is_told_as_positive() -> None:
    run = seen(MODEL)
    fit = fitted(MODEL, [replace(run, tail_ms=run.tail_ms / 2)], 99)
    assert fit.tail_error == pytest.approx(1.0, rel=0.05)
    assert not fit.agrees
    fit = fitted(MODEL, [replace(run, median_ms=run.median_ms * 2)], 99)
    assert fit.median_error == pytest.approx(-0.5, rel=0.05)


def test_what_is_little_beside_the_goal_is_no_error() -> None:
    run = replace(seen(MODEL), goal_ms=1000.0)
    fit = fitted(MODEL, [replace(run, median_ms=2 * run.median_ms, tail_ms=2 * run.tail_ms)], 99)
    assert fit.agrees


def test_a_small_difference_in_one_run_on_a_noisy_machine_is_mostly_noise() -> None:
    run = seen(MODEL.scaled(1.12))
    fit = fitted(MODEL, [run], 99, noise=0.1)
    assert fit.speed == pytest.approx(1.12, rel=0.03), "as seen"
    assert 1.01 < fit.service.of(8) / MODEL.of(8) < 1.06, "as believed"
    often = fitted(MODEL, [run] * 9, 99, noise=0.1)
    assert often.service.of(8) > 1.05 * MODEL.of(8), "many runs say more than one"
    quiet = fitted(MODEL, [run], 99)
    assert quiet.service.of(8) == pytest.approx(quiet.speed * MODEL.of(8))


def test_a_large_difference_is_the_model_s_however_noisy() -> None:
    assert believed(3.0, 0.1) == pytest.approx(3.0, rel=0.1)
    assert believed(0.4, 0.1) == pytest.approx(0.4, rel=0.1)


@given(speed=st.floats(1e-3, 1e3), noise=st.floats(0.0, 1.0))
def test_what_is_believed_lies_between_what_was_said_and_what_was_seen(
    speed: float, noise: float
) -> None:
    own = believed(speed, noise)
    low, high = sorted((1.0, speed))
    assert low - 1e-9 <= own <= high * (1 + 1e-9)
    assert believed(1 / speed, noise) == pytest.approx(1 / own)
