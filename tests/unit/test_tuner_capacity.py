"""The bisection for the rate that a replica carries, against replicas that are known."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.tuner.capacity import (
    HALVINGS,
    LOWEST_SHARE,
    NARROW_SHARE,
    STEPS,
    Capacity,
    RateRun,
    best_effort,
    figure,
    find_capacity,
)

GOAL = 100.0


@dataclass(slots=True)
class Replica:
    """Keeps the goal up to ``limit``; ``runs_left``: then there is no time any more."""

    limit: float
    runs_left: int = 1000
    disturbed: set[int] = field(default_factory=set)
    asked: list[float] = field(default_factory=list)

    def __call__(self, rate: float) -> RateRun | None:
        """One run."""
        if len(self.asked) >= self.runs_left:
            return None
        self.asked.append(rate)
        if rate > self.limit:
            return RateRun(rate=rate, latency_ms=9 * GOAL, median_ms=8 * GOAL)
        hiccup = len(self.asked) in self.disturbed
        return RateRun(rate=rate, latency_ms=2 * GOAL if hiccup else GOAL / 2, median_ms=GOAL / 10)


@given(st.floats(0.01, 1.5), st.floats(0.01, 1e5))
def test_the_capacity_holds_and_a_little_more_does_not(share: float, closed_loop: float) -> None:
    limit = share * closed_loop
    found = find_capacity(Replica(limit), closed_loop, GOAL)
    assert found.rows_per_second <= limit or found.note
    if share >= LOWEST_SHARE:
        room = (1 - LOWEST_SHARE) * closed_loop / 2**STEPS
        enough = min(limit, closed_loop) - max(room, NARROW_SHARE * closed_loop) * 1.001
        assert found.rows_per_second >= enough
        assert found.latency_ms == GOAL / 2


@given(st.floats(0.01, 1.5), st.integers(0, 8))
def test_there_is_always_a_capacity_however_little_time(share: float, runs_left: int) -> None:
    replica = Replica(share * 100, runs_left=runs_left)
    found = find_capacity(replica, 100.0, GOAL)
    assert 0 < found.rows_per_second <= 100
    assert len(replica.asked) <= runs_left


@given(st.floats(0.01, 1.5))
def test_the_number_of_runs_is_bounded(share: float) -> None:
    replica = Replica(share * 100, disturbed=set(range(100)))
    find_capacity(replica, 100.0, GOAL)
    assert len(replica.asked) <= 2 * (1 + HALVINGS + STEPS)


def test_after_a_disturbed_run_two_that_agree_settle_the_rate() -> None:
    calm, disturbed = Replica(80), Replica(80, disturbed={1, 4})
    assert (
        find_capacity(disturbed, 100.0, GOAL).rows_per_second
        == find_capacity(calm, 100.0, GOAL).rows_per_second
    )
    assert len(disturbed.asked) == len(calm.asked) + 4


def test_overload_is_not_taken_for_a_disturbance() -> None:
    replica = Replica(31)
    find_capacity(replica, 100.0, GOAL)
    assert len(replica.asked) == len(set(replica.asked))


def test_a_guess_is_said_to_be_one() -> None:
    nothing = find_capacity(Replica(0.001), 100.0, GOAL)
    assert nothing.note == "capacity is a cautious guess: not even 3.75 rows/s held"
    assert nothing.rows_per_second < 3.75
    no_time = find_capacity(Replica(80, runs_left=0), 100.0, GOAL)
    assert no_time == Capacity(
        rows_per_second=15.0,
        latency_ms=GOAL,
        note="capacity is a cautious guess: there was no time for a run",
    )


def test_a_generator_that_was_late_has_measured_nothing() -> None:
    run = RateRun(rate=10, latency_ms=1, median_ms=1, delayed_percent=50)
    assert not run.holds(GOAL)


def test_failed_requests_do_not_hold_and_are_no_disturbance() -> None:
    run = RateRun(rate=10, latency_ms=None)
    assert not run.holds(GOAL)
    assert not run.looks_disturbed(GOAL)


@pytest.mark.parametrize("runs_left", [0, 1])
def test_where_the_objective_is_out_of_reach_half_of_full_load_is_given(runs_left: int) -> None:
    found = best_effort(Replica(0, runs_left=runs_left), 100.0, GOAL)
    assert found.rows_per_second == 50
    assert "no rate keeps the objective" in found.note


@pytest.mark.parametrize(
    ("rate", "words"), [(0.1234, "0.123"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12346")]
)
def test_rates_are_written_for_people(rate: float, words: str) -> None:
    assert figure(rate) == words
