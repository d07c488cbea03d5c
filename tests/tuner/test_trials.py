"""Runs at a rate: which of them count, and what they say together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import candidate, fits, question, setting, trial

from modelservice_runtime.tuner.confirming import LEAST_ROUNDS, Confirming
from modelservice_runtime.tuner.parsing import Measurement
from modelservice_runtime.tuner.simulation.arrivals import Requests
from modelservice_runtime.tuner.simulation.loads import AtTimes
from modelservice_runtime.tuner.trials import Trial, most_sent, valid, verdict

ASKED = question()


def late(share: float, requests: int) -> Trial:
    """So many of so many came too late."""
    many = round(share * requests)
    latencies = (100.0,) * many + (10.0,) * (requests - many)
    return trial(setting(), ASKED, 50.0, requests=requests, latencies_ms=latencies)


def test_runs_count_together_by_their_requests() -> None:
    seen = verdict([late(0.04, 100), late(0.0, 300)])
    assert (seen.violations, seen.requests) == (pytest.approx(0.01), 400)


@given(st.integers(0, 50), st.integers(50, 5000))
def test_the_interval_is_wilson_s(many: int, requests: int) -> None:
    """The shares whose distance from the seen one is 1.645 of their own standard deviations."""
    seen = verdict([late(many / requests, requests)])
    assert 0.0 <= seen.low <= seen.violations + 1e-9
    assert seen.violations <= seen.high + 1e-9 <= 1.0 + 1e-9
    for edge in (seen.low, seen.high):
        deviation = math.sqrt(edge * (1 - edge) / requests)
        if 1e-6 < edge < 1 - 1e-6:
            assert abs(edge - seen.violations) == pytest.approx(1.645 * deviation, rel=1e-3)


def test_the_interval_holds_the_truth_nineteen_times_of_twenty_to_each_side() -> None:
    generator = np.random.default_rng(5)
    drawn = generator.binomial(2000, 0.01, 400)
    seen = [verdict([late(many / 2000, 2000)]) for many in drawn]
    assert np.mean([one.low <= 0.01 for one in seen]) > 0.92
    assert np.mean([one.high >= 0.01 for one in seen]) > 0.92


@pytest.mark.parametrize(
    ("share", "requests", "keeps"),
    [(0.0, 2000, True), (0.03, 2000, False), (0.005, 100, None), (0.01, 2000, None)],
)
def test_whether_the_goal_is_kept_is_said_where_it_is_known(
    share: float, requests: int, keeps: object
) -> None:
    assert verdict([late(share, requests)]).keeps(0.01) is keeps


def test_of_no_run_nothing_is_known() -> None:
    seen = verdict([])
    assert (seen.low, seen.high, seen.requests) == (0.0, 1.0, 0)
    assert seen.keeps(0.01) is None


def planned(run: Trial) -> Requests:
    """As they were to be sent."""
    assert isinstance(run.load, AtTimes)
    return run.load.requests


def sent(stretch: float, delayed: float = 0.0) -> Trial:
    """As if the generator had taken so much longer to send all; its parts are not in order."""
    requests = ASKED.source.at(100.0, 50)
    at = ((requests.arrival - requests.arrival[0]) * stretch * 1e9 + 5e9).astype(int)[::-1]
    return trial(
        setting(),
        ASKED,
        100.0,
        count=50,
        sent_ns=tuple(at.tolist()),
        sent_rows=(1,) * 50,
        delayed_percent=delayed,
    )


def test_a_run_in_which_the_generator_fell_behind_is_thrown_away() -> None:
    assert "sending took" in sent(1.5).discarded
    assert sent(1.0).discarded == ""
    good, bad = sent(1.0), sent(1.5)
    assert [id(run) for run in valid([good, bad])] == [id(good)]


def test_what_the_generator_can_send_is_what_it_sent() -> None:
    kept, behind = sent(1.0), sent(1.5)
    assert most_sent([kept]) == math.inf
    assert behind.sendable == pytest.approx(0.95 * 100 / 1.5, rel=0.05)
    assert most_sent([kept, behind]) == kept.rows_per_second
    assert most_sent([behind, sent(2.0)]) == behind.sendable
    unknown = trial(setting(), ASKED, 50.0, delayed_percent=60.0)
    assert unknown.sendable == pytest.approx(0.85 * 50)


def test_where_times_are_known_one_by_one_late_ones_are_taken_as_they_were() -> None:
    run = sent(1.05, delayed=60.0)
    assert run.discarded == ""
    assert run.sent is not None
    arrival = run.sent.arrival
    assert bool(np.all(np.diff(arrival) >= 0))
    assert arrival[0] == pytest.approx(planned(run).arrival[0])
    load = run.seen().load
    assert isinstance(load, AtTimes)
    assert load.requests.arrival.tolist() == arrival.tolist()


def test_where_they_are_not_the_generator_s_own_word_counts() -> None:
    assert "were sent late" in trial(setting(), ASKED, 50.0, delayed_percent=60.0).discarded
    quiet = trial(setting(), ASKED, 50.0, delayed_percent=3.0)
    assert quiet.discarded == ""
    assert quiet.sent is None
    assert quiet.seen().load is quiet.load


def test_violations_from_percentiles_alone_lie_between_them() -> None:
    measured = Measurement(
        rows_per_second=1.0, percentiles_ms={50: 10.0, 90: 20.0, 99: 40.0}, requests=100
    )
    assert measured.violations(10.0) == pytest.approx(0.5)
    assert measured.violations(15.0) == pytest.approx(0.3)
    assert measured.violations(40.0) == pytest.approx(0.005)
    assert measured.violations(1e-9) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("carried", "rounds", "decided"),
    [
        ((), 0, True),
        ((100.0,), LEAST_ROUNDS, True),
        ((100.0, 98.0), LEAST_ROUNDS - 1, False),
        ((100.0, 98.0), LEAST_ROUNDS, True),
        ((100.0, 92.0), LEAST_ROUNDS, False),
    ],
)
def test_rounds_go_on_while_it_matters_which_setting_is_better(
    *, carried: tuple[float, ...], rounds: int, decided: bool
) -> None:
    """Which of two that are as good is taken matters to nobody; what it carries is proven later."""
    nowhere: Any = None
    confirming = Confirming(bench=nowhere, question=question(), memory=fits)
    hopes = [candidate(setting(4, place + 1), rows) for place, rows in enumerate(carried)]
    assert confirming._decided(hopes, rounds) is decided
