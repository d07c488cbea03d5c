"""Closed loops: how many clients keep a goal, what is measured of them, how the model learns."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import SERVICE, candidate, counted, executions, question, setting

from modelservice_runtime.contract.profile import LOAD_STEPS
from modelservice_runtime.contract.traffic import CLOSED_LOOP, SINGLE_ROWS, RowsShare
from modelservice_runtime.tuner import runs
from modelservice_runtime.tuner.calibration import Seen, fitted
from modelservice_runtime.tuner.clients_held import (
    Shown,
    is_decided,
    is_proven,
    most_held,
    next_clients,
    shown,
    still_open,
)
from modelservice_runtime.tuner.finding_clients import missed_words
from modelservice_runtime.tuner.in_flight import steady
from modelservice_runtime.tuner.parsing import Measurement
from modelservice_runtime.tuner.search import Candidate, batching_of, ranked
from modelservice_runtime.tuner.simulation.arrivals import Source
from modelservice_runtime.tuner.simulation.capacity import Goal
from modelservice_runtime.tuner.simulation.concurrency import answered_share, most_clients
from modelservice_runtime.tuner.simulation.loads import in_flight
from modelservice_runtime.tuner.simulation.outcomes import Batching
from modelservice_runtime.tuner.simulation.service_time import ServiceTime
from modelservice_runtime.tuner.trials import Trial, clients_to_send, counted_clients

SINGLE = Source(rows_per_request=SINGLE_ROWS)
MIXED = (RowsShare(rows=1, percent=75.0), RowsShare(rows=4, percent=25.0))
ONE = Batching(instances=1, max_batch=8)
ASKED = question(arrivals=CLOSED_LOOP, concurrency=16)


@pytest.mark.parametrize("milliseconds", [6.0, 13.0, 30.0, 50.0, 200.0])
def test_the_most_clients_keep_the_goal_and_one_more_does_not(milliseconds: float) -> None:
    goal = Goal(seconds=milliseconds / 1000, violations=0.01)
    kept = most_clients(SERVICE, ONE, SINGLE, goal, 4096)
    assert kept.outcome is not None
    assert kept.outcome.quantile(99) <= goal.seconds
    more = in_flight(SINGLE, kept.clients + 1, 8_000).outcome(SERVICE, ONE)
    assert more.quantile(99) > goal.seconds


def test_no_more_clients_are_looked_at_than_were_asked_for_and_none_may_keep_it() -> None:
    goal = Goal(seconds=0.05, violations=0.01)
    assert most_clients(SERVICE, ONE, SINGLE, goal, 5).clients == 5
    tight = Goal(seconds=0.004, violations=0.01)
    assert most_clients(SERVICE, ONE, SINGLE, tight, 64) == most_clients(
        SERVICE, Batching(instances=1, max_batch=2), Source(rows_per_request=MIXED), goal, 64
    )


@pytest.mark.parametrize(("clients", "full"), [(4, 16), (12, 12), (64, 9)])
def test_more_load_is_answered_in_time_by_fewer(clients: int, full: int) -> None:
    """Twelve clients are in time; in full batches they get all that can be done."""
    goal = Goal(seconds=0.025, violations=0.01)
    shares = [row[0] for row in answered_share(SERVICE, ONE, SINGLE, goal, clients)]
    assert len(shares) == len(LOAD_STEPS)
    assert all(after <= before + 0.01 for before, after in itertools.pairwise(shares))
    assert shares[0] == 1.0
    assert sum(share == 1.0 for share in shares) == full


@given(st.integers(1, 500), st.integers(1, 99))
def test_clients_are_shared_out_by_the_sizes_of_requests(clients: int, percent: int) -> None:
    shares = (RowsShare(rows=1, percent=percent), RowsShare(rows=8, percent=100 - percent))
    given_ = runs.clients_by_kind(clients, shares)
    assert sum(given_.values()) == clients
    assert all(many > 0 for many in given_.values())
    assert abs(given_.get((8, 0), 0) - clients * (100 - percent) / 100) < 1


@given(st.integers(1, 300), st.floats(0.1, 1e4), st.floats(0.1, 600))
def test_a_closed_run_fits_into_its_time_or_is_not_made(
    clients: int, rate: float, seconds: float
) -> None:
    count = runs.in_flight_requests(clients, rate, seconds)
    if not count:
        assert (seconds - clients / rate) * rate < max(clients, runs.OPEN_REQUESTS_LEAST) + 1
        return
    run = runs.in_flight({(1, 0): clients}, count, rate)
    (part,) = run.parts
    assert run.one_by_one
    assert part.requests == count + clients  # perf_analyzer refuses fewer than there are clients
    assert f"--concurrency-range={clients}" in part.words
    assert run.seconds <= seconds * 1.001


def looped(
    clients: int, batch: int, milliseconds: float, many: int, pause: float = 0.0
) -> Measurement:
    """As a server that takes so long for a batch answers so many clients."""
    now, sent, latency = 0.0, [], []
    waiting = [0.0] * clients
    for _ in range(many // batch):
        now = max(now, waiting[0]) + milliseconds
        for at in waiting[:batch]:
            sent.append(at)
            latency.append(now - at)
        waiting = waiting[batch:] + [now + pause] * batch
    return Measurement(
        rows_per_second=1.0,
        percentiles_ms={50: 1.0, 99: 2.0},
        requests=many,
        latencies_ms=tuple(latency),
        sent_ns=tuple(round(at * 1e6) for at in sent),
        sent_rows=(1,) * len(sent),
    )


@pytest.mark.parametrize(("clients", "batch"), [(1, 1), (4, 4), (16, 4), (60, 4), (7, 1)])
def test_rates_and_latencies_are_those_of_the_steady_part(clients: int, batch: int) -> None:
    measured = looped(clients, batch, 10.0, 40 * clients)
    seen = steady(measured, {(1, 0): clients}, ())
    assert seen.measurement.rows_per_second == pytest.approx(batch / 0.010, rel=0.03)
    assert seen.in_flight == pytest.approx(clients, rel=0.03)
    waited = 10.0 * clients / batch
    assert min(seen.measurement.latencies_ms) == pytest.approx(waited)  # the first were faster
    assert len(seen.measurement.latencies_ms) == seen.measurement.requests


def test_a_generator_that_pauses_has_fewer_in_flight() -> None:
    seen = steady(looped(2, 1, 10.0, 200, pause=30.0), {(1, 0): 2}, ())
    assert seen.in_flight == pytest.approx(0.5, rel=0.2)
    assert loop(2, latencies=(10.0,) * 50, waiting=seen.in_flight).discarded.startswith("only 0.5")
    assert loop(2, latencies=(10.0,) * 50, waiting=1.9).discarded == ""


def test_a_run_with_fewer_clients_than_it_was_to_have_is_one_with_those() -> None:
    assert counted_clients(24, 23.7) == 24
    assert counted_clients(24, 19.3) == 24, "near enough"
    assert counted_clients(24, 18.8) == 19
    assert counted_clients(24, 12.0) == 12
    assert counted_clients(24, 11.9) == 24, "too few: such a run is thrown away"
    assert counted_clients(24, math.nan) == 24, "nobody knows"
    assert counted_clients(1, 0.5) == 1


def test_a_generator_that_needs_time_gets_as_many_clients_more() -> None:
    def run(waiting: float, sending: int) -> Trial:
        return loop(10, (10.0,) * 50, waiting, sending)

    here = run(9.0, 10).setting
    there = replace(here, max_batch_size=here.max_batch_size + 1)
    assert clients_to_send(10, here, []) == 10
    assert clients_to_send(10, here, [run(9.0, 10)]) == 10
    assert clients_to_send(10, here, [run(6.7, 10)]) == 15
    assert clients_to_send(10, here, [run(6.7, 10), run(9.9, 15)]) == 15, "that was enough"
    assert clients_to_send(10, here, [run(6.7, 10), run(6.7, 15)]) == 20, "not without end"
    assert clients_to_send(10, here, [run(math.nan, 10)]) == 10, "nobody knows"
    assert clients_to_send(20, here, [run(6.7, 10)]) == 30, "of another loop at the same setting"
    assert clients_to_send(10, there, [run(6.7, 10)]) == 15, "of as many at another setting"
    assert clients_to_send(20, there, [run(6.7, 10)]) == 20, "of another loop at another setting"
    assert clients_to_send(10, here, [run(0.0, 10)]) == 20
    fewer = loop(7, (10.0,) * 50, 6.7, 10)
    assert clients_to_send(10, here, [fewer]) == 15, "of those that there were"
    assert clients_to_send(10, there, [fewer]) == 15


def test_without_every_latency_triton_s_own_count_is_the_rate() -> None:
    measured = Measurement(rows_per_second=7.0, percentiles_ms={99: 5.0}, requests=100)
    half, whole = (executions(0.1, {4: (many, 5.0)}) for many in (5, 10))
    seen = steady(measured, {(1, 0): 4}, (half, whole, whole, half))
    assert seen.measurement.rows_per_second == pytest.approx(400)
    assert math.isnan(seen.in_flight)
    assert steady(measured, {(1, 0): 4}, ()).measurement.rows_per_second == 7.0


def seen_loop(truth: ServiceTime, clients: int) -> Seen:
    """A closed loop as it would be measured."""
    load = in_flight(SINGLE, clients, 2_200)
    outcome = load.outcome(truth, ONE)
    return Seen(
        batching=ONE,
        load=load,
        executions=counted(outcome, truth),
        median_ms=outcome.quantile(50) * 1000,
        tail_ms=outcome.quantile(99) * 1000,
        goal_ms=50.0,
        violations=outcome.violations(0.05),
    )


@pytest.mark.parametrize("clients", [1, 8, 64])
@pytest.mark.parametrize("speed", [0.8, 1.0, 1.5])
def test_a_closed_loop_puts_the_model_s_speed_right_even_where_most_are_late(
    clients: int, speed: float
) -> None:
    fit = fitted(SERVICE, [seen_loop(SERVICE.scaled(speed), clients)], 99)
    assert fit.speed == pytest.approx(speed, rel=0.03)
    assert fit.agrees == (speed == 1.0)


def test_what_each_row_costs_beside_its_execution_is_seen_in_the_median() -> None:
    truth = replace(SERVICE, gap=0.0005)
    fit = fitted(SERVICE, [seen_loop(truth, 32)], 99)
    (model, real) = (in_flight(SINGLE, 32, 2_000).outcome(s, ONE) for s in (fit.service, truth))
    assert model.rows_per_second == pytest.approx(real.rows_per_second, rel=0.05)


def loop(
    clients: int, latencies: tuple[float, ...], waiting: float = math.nan, sending: int = 0
) -> Trial:
    """A run with so many clients."""
    measured = Measurement(
        rows_per_second=100.0 + clients,
        percentiles_ms={99: max(latencies)},
        requests=len(latencies),
        latencies_ms=latencies,
    )
    return Trial(
        setting=setting(8),
        rows_per_second=measured.rows_per_second,
        load=in_flight(SINGLE, clients, len(latencies)),
        measurement=measured,
        executions={},
        median_ms=measured.percentile_ms(50),
        tail_ms=measured.percentile_ms(99),
        goal_ms=50.0,
        violations=measured.violations(50.0),
        in_flight=waiting,
        sending=sending or clients,
    )


def kept(clients: int, late: float, requests: int = 2_200) -> Trial:
    """A run in which such a share was late."""
    many = round(late * requests)
    return loop(clients, (80.0,) * many + (20.0,) * (requests - many))


@pytest.mark.parametrize(
    ("says", "seen", "following"),
    [
        (16, [], 16),
        (12, [kept(16, 0.20)], 12),
        (16, [kept(16, 0.20)], 14),
        (0, [kept(16, 0.20)], 8),
        (0, [], 1),
        (3, [kept(16, 0.004)], 16),  # it was seen to be kept, whatever the model says
        (16, [kept(16, 0.02, 200)], 16),  # not decided
        (16, [kept(16, 0.012)], 14),
        (16, [kept(16, 0.20), kept(14, 0.20), kept(12, 0.20)], 8),
        (1, [kept(1, 0.5)], 0),
    ],
)
def test_the_next_run_is_with_what_the_model_says_unless_runs_said_no(
    says: int, seen: list[Trial], following: int
) -> None:
    assert next_clients(candidate(setting(8), clients=says), seen, ASKED) == following


def test_runs_with_as_many_clients_count_together() -> None:
    assert most_held([kept(16, 0.015), kept(16, 0.0)], ASKED) == 16
    assert most_held([kept(16, 0.03), kept(16, 0.0), kept(12, 0.0)], ASKED) == 12
    assert most_held([], ASKED) == 0


def told(held: int, held_rows: float, missed: float, missed_rows: float) -> Shown:
    return Shown(held=held, held_rows=held_rows, missed=missed, missed_rows=missed_rows)


NOTHING = told(0, 0.0, math.inf, math.inf)


def test_what_runs_have_shown_lies_between_what_held_and_what_missed() -> None:
    runs_of = {n: kept(n, late) for n, late in ((8, 0.0), (10, 0.004), (14, 0.03), (16, 0.2))}
    seen = shown(list(runs_of.values()), ASKED)
    rows = {n: one.rows_per_second for n, one in runs_of.items()}
    assert seen == told(10, rows[10], 14, max(rows[10], rows[14]))
    assert shown([], ASKED) == NOTHING
    undecided = shown([kept(12, 0.015, 200)], ASKED)
    assert (undecided.held, undecided.missed) == (0, math.inf)
    # A moment in which the machine did something else: fewer missed it than held.
    contradicted = shown([kept(8, 0.2), kept(12, 0.0)], ASKED)
    assert (contradicted.held, contradicted.missed) == (12, math.inf)


@pytest.mark.parametrize(
    ("clients", "rows", "found"),
    [
        (12, 450.0, (12, 450.0)),
        (12, 900.0, (12, 500.0)),  # those that missed it got no more
        (16, 900.0, (13, 500.0)),
        (9, 380.0, (9, 400.0)),
        (8, 700.0, (8, 400.0)),  # it says no more than what held: that was measured
        (5, 300.0, (8, 400.0)),
    ],
)
def test_the_model_s_word_is_kept_within_what_runs_have_shown(
    clients: int, rows: float, found: tuple[int, float]
) -> None:
    word = told(8, 400.0, 14, 500.0).within(candidate(setting(8), rows, clients=clients))
    assert (word.clients, word.rows_per_second) == found
    free = NOTHING.within(candidate(setting(8), rows, clients=clients))
    assert (free.clients, free.rows_per_second) == (clients, rows)


def test_what_cannot_be_the_best_any_more_is_out() -> None:
    best = candidate(setting(8), 420.0)
    behind = candidate(setting(4), 350.0)  # by the model
    bounded = candidate(setting(2), 390.0)  # with the clients that missed it
    hoped, unknown = candidate(setting(8, 2), 450.0), candidate(setting(4, 2), 380.0)
    hopes = [
        (best, told(8, 400.0, 12, 450.0)),
        (behind, told(6, 330.0, 16, 900.0)),
        (bounded, told(6, 330.0, 12, 390.0)),
        (hoped, told(0, 0.0, 16, 900.0)),
        (unknown, NOTHING),
    ]
    assert still_open(hopes) == [best, hoped, unknown]
    early = [(hope, replace(known, held=0, held_rows=0.0)) for hope, known in hopes]
    assert len(still_open(early)) == len(hopes), "nothing held yet"


def test_it_is_decided_once_no_other_can_carry_clearly_more_than_what_held() -> None:
    best = candidate(setting(8), 480.0), told(8, 400.0, 12, 480.0)
    equal = candidate(setting(4), 411.0), NOTHING
    assert is_decided([equal, best])
    assert not is_decided([best, (replace(equal[0], rows_per_second=413.0), NOTHING)])
    assert not is_decided([(best[0], NOTHING), equal]), "nothing held yet"
    assert is_decided([(best[0], NOTHING)]), "it is the only one"


HOPED = st.builds(
    lambda rows, held, more, clients: (
        told(held, 10.0 * held, held + 4, 10.0 * held + more).within(
            candidate(setting(8), rows, clients=clients)
        ),
        told(held, 10.0 * held, held + 4, 10.0 * held + more),
    ),
    st.floats(1, 500),
    st.integers(0, 32),
    st.floats(0, 300),
    st.integers(1, 40),
)


@given(st.lists(HOPED, min_size=1, max_size=5))
def test_what_held_most_is_always_in_question(hopes: list[tuple[Candidate, Shown]]) -> None:
    best = max(hopes, key=lambda pair: pair[1].held_rows)
    assert any(hope is best[0] for hope in still_open(hopes))


@pytest.mark.parametrize(
    ("late", "requests", "proven"),
    [
        (0.0, 400, True),
        (0.0, 200, False),
        (0.005, 400, False),
        (0.005, 1_200, True),
        (0.009, 1_200, False),
        (0.009, 2_200, True),
        (0.011, 2_200, False),
    ],
)
def test_a_goal_of_one_percent_late_is_proven_by_the_interval_or_by_as_many_as_ever_decide(
    late: float, requests: int, *, proven: bool
) -> None:
    halves = [kept(16, late, requests // 2)] * 2
    assert is_proven(halves, 16, ASKED) is proven
    assert not is_proven(halves, 17, ASKED)


def test_that_the_goal_is_missed_is_said_with_what_was_seen() -> None:
    words = missed_words([kept(16, 0.05), kept(12, 0.0)], 12, ASKED)
    assert words == (
        "p99 ≤ 50 ms is missed with 16 requests in flight: p99 is 80.0 ms there, 5.0% are late,"
        " at 116 rows/s"
    )
    assert "as the model says" in missed_words([], 12, ASKED)
    assert missed_words([kept(16, 0.0)], 16, ASKED) == ""


def test_one_that_keeps_the_goal_with_all_clients_is_before_a_faster_one_that_does_not() -> None:
    keeps = candidate(setting(2), 90.0, clients=16)
    faster = candidate(setting(8), 120.0, clients=12)
    assert ranked([faster, keeps], ASKED)[0] is keeps


def test_the_rows_of_a_closed_loop_are_the_traffic_s() -> None:
    source = Source(rows_per_request=MIXED)
    load = in_flight(source, 8, 4_000)
    assert np.mean(load.rows) == pytest.approx(source.mean_rows, rel=0.05)
    outcome = load.outcome(SERVICE, batching_of(setting(8)))
    assert len(outcome.latency) == 4_000
    assert 0 < outcome.busy <= 1.0
