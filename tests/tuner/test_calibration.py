"""The model put right from measured runs: it finds the speed and the scatter that they had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.calibration import SCATTERS, SPEEDS, Seen, fitted
from modelservice_runtime.tuner.simulation.arrivals import Source
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
    truth: ServiceTime, rate: float = 200.0, seed: int = 3, goal: float = 0.05, count: int = 3000
) -> Seen:
    """What a client would have measured of ``truth``."""
    requests = SOURCE.at(rate, count, seed)
    outcome = open_loop(truth, BATCHING, requests)
    return Seen(
        batching=BATCHING,
        requests=requests,
        median_ms=outcome.quantile(50) * 1000,
        tail_ms=outcome.quantile(99) * 1000,
        violations=outcome.violations(goal),
    )


def test_a_model_that_is_right_is_left_alone() -> None:
    fit = fitted(MODEL, [seen(MODEL)], 99)
    assert (fit.speed, fit.scatter) == (1.0, 1.0)
    assert fit.tail_error == pytest.approx(0.0)
    assert fit.agrees


@pytest.mark.parametrize("speed", [0.6, 0.9, 1.1, 1.3])
def test_a_known_speed_is_found(speed: float) -> None:
    fit = fitted(MODEL, [seen(MODEL.scaled(speed))], 99)
    assert fit.speed == pytest.approx(speed, rel=0.05)
    assert fit.service.of(8) == pytest.approx(MODEL.of(8) * speed, rel=0.05)
    assert fit.agrees == (abs(speed - 1) < 0.15)


@pytest.mark.parametrize("rate", [20.0, 200.0])
@pytest.mark.parametrize("scatter", [2.0, 4.0])
def test_a_known_scatter_is_found(scatter: float, rate: float) -> None:
    truth = MODEL.scaled(1.0, scatter)
    fit = fitted(MODEL, [seen(truth, rate=rate, seed=seed) for seed in (1, 2, 3)], 99)
    assert fit.speed == pytest.approx(1.0, abs=0.1)
    assert fit.scatter == pytest.approx(scatter, rel=0.25)
    assert fit.tail_error < 0.0


def test_both_at_once() -> None:
    truth = MODEL.scaled(1.2, 3.0)
    fit = fitted(MODEL, [seen(truth, rate=100.0)], 99)
    assert fit.speed == pytest.approx(1.2, rel=0.1)
    again = seen(truth, rate=100.0, seed=9)
    model = seen(fit.service, rate=100.0, seed=9)
    assert model.tail_ms == pytest.approx(again.tail_ms, rel=0.1)


def test_an_overloaded_run_says_something_of_the_speed_and_nothing_of_the_tail() -> None:
    truth = MODEL.scaled(1.3)
    run = seen(truth, rate=700.0, goal=0.02)
    assert run.violations > 0.2
    fit = fitted(MODEL, [run], 99)
    assert fit.speed == pytest.approx(1.3, rel=0.05)
    assert (fit.scatter, fit.tail_error) == (1.0, 0.0)


def test_of_several_runs_the_middle_one_counts() -> None:
    """One that a neighbour disturbed changes nothing."""
    runs = [seen(MODEL, seed=1), seen(MODEL, seed=2), seen(MODEL.scaled(2.2), seed=3)]
    fit = fitted(MODEL, runs, 99)
    assert (fit.speed, fit.scatter) == (1.0, 1.0)


@pytest.mark.parametrize(("factor", "speed"), [(1e-3, SPEEDS[0]), (1e3, SPEEDS[1])])
def test_what_no_speed_explains_is_taken_as_the_nearest(factor: float, speed: float) -> None:
    run = seen(MODEL)
    odd = replace(run, median_ms=run.median_ms * factor, tail_ms=run.tail_ms * factor)
    fit = fitted(MODEL, [odd], 99)
    assert fit.speed == pytest.approx(speed, rel=0.01)
    assert SCATTERS[0] <= fit.scatter <= SCATTERS[1]
    assert not fit.agrees


def test_a_tail_that_the_model_overstates_is_told_as_positive() -> None:
    run = seen(MODEL)
    fit = fitted(MODEL, [replace(run, tail_ms=run.tail_ms / 2)], 99)
    assert fit.tail_error == pytest.approx(1.0, rel=0.05)
    assert not fit.agrees
