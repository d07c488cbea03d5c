"""Offered load from counters: resets, queues, new replicas, nonsense."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.load.offered import (
    Counted,
    CounterSample,
    ReplicaCounters,
    counted,
    sound,
)


def sample(at: float, successes: float, **more: float) -> CounterSample:
    values = {"failures": 0.0, "rows": successes} | more
    return CounterSample(at=at, successes=successes, **values)


def replica(*samples: CounterSample, since: float | None = None) -> ReplicaCounters:
    return ReplicaCounters(pod="a", samples=samples, since=since)


def rate(of: ReplicaCounters, seconds: float = 60.0, end: float = 1e9) -> float:
    found = counted(of, seconds=seconds, end=end)
    assert found is not None
    return found.rows_per_second


def test_successes_failures_and_what_joined_the_queue_are_offered() -> None:
    pair = replica(sample(0, 100), sample(60, 400, failures=60, pending=240))
    assert rate(pair) == pytest.approx(10.0)


def test_a_queue_that_is_worked_off_was_offered_before() -> None:
    pair = replica(sample(0, 0, pending=300), sample(60, 600))
    assert rate(pair) == pytest.approx(5.0)


def test_rows_count_and_those_of_refused_requests_as_the_others() -> None:
    pair = replica(sample(0, 0), sample(60, 60, rows=240, failures=60))
    assert rate(pair) == pytest.approx(8.0)


def test_a_counter_that_went_back_began_anew() -> None:
    parts = replica(sample(0, 1000), sample(30, 1300), sample(60, 30))
    assert rate(parts) == pytest.approx(330 / 60)


def test_however_often_counters_go_back_each_piece_counts() -> None:
    times = (0, 100), (20, 160), (40, 30), (50, 50), (60, 20)
    assert rate(replica(*(sample(at, count) for at, count in times))) == pytest.approx(130 / 60)


def test_a_replica_that_came_within_the_window_began_at_nothing() -> None:
    young = replica(sample(50, 50), sample(60, 150), since=40.0)
    assert rate(young) == pytest.approx(150 / 60)


def test_one_first_heard_of_in_the_window_is_known_only_from_there() -> None:
    heard = replica(sample(40, 5000), sample(60, 5200), since=-1000.0)
    assert rate(heard) == pytest.approx(10.0)
    assert counted(replica(sample(60, 5000)), seconds=60, end=99) is None
    assert counted(replica(), seconds=60, end=99) is None


def test_an_earlier_window_ends_earlier() -> None:
    parts = replica(*(sample(t, t * (1 if t <= 60 else 2)) for t in range(0, 121, 15)))
    assert rate(parts, end=60.0) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_what_cannot_be_a_counter_is_left_out(bad: float) -> None:
    kept = sound([sample(0, 1), sample(15, bad), sample(30, 3), sample(45, 4, pending=bad)])
    assert [item.at for item in kept] == [0, 30]


def test_samples_in_disorder_and_doubled_are_put_right() -> None:
    kept = sound([sample(30, 3), sample(0, 1), sample(30, 3)])
    assert [item.at for item in kept] == [0, 30]


steps = st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5), st.booleans()), min_size=2)


@given(steps, st.sampled_from([15.0, 60.0]))
def test_never_negative_and_never_more_than_was_counted(
    moves: list[tuple[float, float, bool]], seconds: float
) -> None:
    at = done = 0.0
    made, total = [sample(0, 0)], 0.0
    for more, failures, restarts in moves:
        at += 15.0
        done = more if restarts else done + more
        total += more + failures
        made.append(sample(at, done, failures=0.0 if restarts else made[-1].failures + failures))
    found = counted(replica(*sound(made)), seconds=seconds, end=at)
    assert found is not None
    assert 0 <= found.rows_per_second * found.seconds <= total * 10 + 1e-6


def test_of_no_time_there_is_no_rate() -> None:
    assert Counted().rows_per_second == 0.0
