"""What outlives the operator: a restart changes no decision, and garbage costs a hold window."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import operator_samples as samples
import pytest
from fleet_samples import GONE
from hypothesis import given as over
from hypothesis import strategies as st
from operator_samples import NOW

from modelservice_operator.api.capacity import Capacity
from modelservice_operator.api.service import Decision
from modelservice_operator.fleet import ReplicaSeen, ServiceView
from modelservice_operator.load.balance import Outcome, plan_round
from modelservice_operator.load.cold_start import ColdStart
from modelservice_operator.load.error_budget import LEAST, MOST, ErrorBudget
from modelservice_operator.load.forecast import ENOUGH, Rates, Shortfalls
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.hold import HoldWindow, hold_seconds
from modelservice_operator.load.reading import Load, LoadReading
from modelservice_operator.load.remembered import outdates, remembered_text, restore
from modelservice_operator.load.replicas import FRESH_READINGS, BalancerState
from modelservice_operator.settings import BalancerSettings

SETTINGS = BalancerSettings()
SOON = 45.0
NOW_S = NOW.timestamp()
#: No sum of rates lands on a whole number of these by itself, so rounding decides nothing.
CAPACITY = Capacity.single(48.73, 71.19)


def load(short: int, long: int, before: int, violations: int = 0) -> Load:
    """A reading with these rates."""
    return Load(
        rates=Rates(short=float(short), long=float(long), before=float(before)),
        pending=0.0,
        requests=60.0 * long,
        violations=float(min(violations, 60 * long)),
        age_seconds=1.0,
        complete=True,
    )


def view(replicas: int = 4, **changes: Any) -> ServiceView:
    """The sample service with a uid."""
    settings: dict[str, Any] = {"capacity": CAPACITY, "uid": "uid-1", "replicas": replicas}
    return samples.view(**(settings | changes))


def round_of(seen: ServiceView, reading: LoadReading, state: BalancerState, now: float) -> Outcome:
    """One round of one service."""
    found = plan_round(
        {seen.key: seen}, {seen.key: reading}, {seen.key: state}, Budgets(), now=now,
        settings=SETTINGS,
    )  # fmt: skip
    return found[seen.key]


def after(seen: ServiceView, outcome: Outcome) -> ServiceView:
    """The service once the outcome was applied, and its new replicas have come."""
    count = seen.replicas if outcome.replicas is None else outcome.replicas
    return replace(seen, replicas=count, pods=samples.replicas_seen(count or 0))


def told(outcome: Outcome) -> tuple[object, ...]:
    """What a round says and does."""
    verdict = outcome.verdict
    return (
        *(outcome.replicas, verdict.desired, verdict.reason, verdict.metrics_reason),
        *(verdict.metrics_available, verdict.decisions[-1:]),
    )


def text_of(state: BalancerState, seen: ServiceView, at: float, *, ended: bool = True) -> str:
    """What would be kept."""
    return remembered_text(state, seen, seen.replicas, at=at, ended=ended)


def restored(text: str, seen: ServiceView, now: float) -> BalancerState:
    """What the next process begins with; it must be usable."""
    found = restore(text, seen, now=now, soon_seconds=SOON)
    assert found.trouble == ""
    return found.state


def shorts(count: int, amount: float = 30.0) -> Shortfalls:
    """So many shortfalls of the last hour, 1 … count times a part of ``amount``."""
    every = 3600.0 / count
    return Shortfalls(
        short=tuple(
            (NOW_S - 3600 + every * (number + 1), amount * ((7 * number) % count + 1) / count)
            for number in range(count)
        )
    )


def full_state() -> BalancerState:
    """As large as it gets: 300 s of falling wishes, an hour of shortfalls, 64 pods.

    And forecasts of a lead time and the hold before it.
    """
    return BalancerState(
        hold=HoldWindow(tuple((NOW_S - 5 * age, age + 1) for age in range(60, -1, -1))),
        shortfalls=replace(
            shorts(720, 123.456789),
            made=tuple((NOW_S - 5.0 * age, 1234.5678, 2345.6789) for age in range(74, -1, -1)),
        ),
        care=ErrorBudget(
            factor=1.2345,
            minutes=tuple((NOW_S - 60.0 * age, 54321.0, 123.0) for age in range(14, -1, -1)),
            short=True,
        ),
        starts=ColdStart(seen=(30.0, 41.0, 35.0, 60.0, 31.0, 30.0, 30.0, 33.0, 30.0, 30.0)),
        started=frozenset(f"tiny-5d9c7b6f4c-x{number:04}" for number in range(64)),
        fresh=FRESH_READINGS,
        last_down=NOW_S - 20,
        decisions=(Decision(at=NOW, before=3, after=5, reason="x" * 300),),
    )


# --- a restart changes nothing --------------------------------------------------------------------

rates = st.integers(0, 400)
readings = st.one_of(st.builds(load, rates, rates, rates, st.integers(0, 50)), st.just(GONE))
steps = st.tuples(readings, st.integers(1, 40))


def rounds(
    script: list[tuple[LoadReading, int]], state: BalancerState, *, restarts: bool
) -> Iterator[tuple[object, ...]]:
    """What each round says; ``restarts``: with an end and a start of the operator between all."""
    seen, now = view(), NOW_S
    for reading, seconds in script:
        outcome = round_of(seen, reading, state, now)
        yield told(outcome)
        seen, state = after(seen, outcome), outcome.state
        if restarts:
            text = text_of(state, seen, now)
            state = restored(text, seen, now + seconds)
        now += seconds


@over(st.lists(steps, min_size=1, max_size=30))
def test_an_operator_that_ends_and_starts_again_decides_what_it_would_have(
    script: list[tuple[LoadReading, int]],
) -> None:
    kept = list(rounds(script, BalancerState(), restarts=True))
    assert kept == list(rounds(script, BalancerState(), restarts=False))


@over(readings, st.integers(ENOUGH, 720))
def test_so_it_is_with_an_hour_of_experience(reading: LoadReading, count: int) -> None:
    state, seen = replace(full_state(), shortfalls=shorts(count)), view()
    kept = restored(text_of(state, seen, NOW_S), seen, NOW_S)
    first, again = (round_of(seen, reading, item, NOW_S) for item in (state, kept))
    assert told(again) == told(first)


@pytest.mark.parametrize("count", [1, 9, 10, 23, 24, 59, 60, 61, 119, 120, 599, 600, 719, 720])
def test_the_margin_is_kept_however_many_shortfalls_there_are(count: int) -> None:
    state, seen = BalancerState(shortfalls=shorts(count)), view()
    kept = restored(text_of(state, seen, NOW_S), seen, NOW_S).shortfalls
    assert len(kept.short) == count
    assert kept.margin(1.0) == pytest.approx(state.shortfalls.margin(1.0), rel=1e-5)


def test_the_margin_is_kept_for_every_count_there_can_be() -> None:
    seen = view()
    for count in range(ENOUGH, 1500):
        amounts = tuple((NOW_S, float(number)) for number in range(1, count + 1))
        state = BalancerState(shortfalls=Shortfalls(short=amounts))
        kept = restored(text_of(state, seen, NOW_S), seen, NOW_S).shortfalls
        for care in (LEAST, 0.5, 1.0, 2.0, MOST):
            assert kept.margin(0.0, care) == state.shortfalls.margin(0.0, care), (count, care)


def test_it_is_small() -> None:
    assert len(text_of(full_state(), view(), NOW_S)) < 6000


@over(st.lists(st.integers(1, 500), unique=True, min_size=1, max_size=400))
def test_a_long_hold_window_is_thinned_to_the_careful_side(wishes: list[int]) -> None:
    falling = sorted(wishes, reverse=True)
    window = HoldWindow(tuple((NOW_S - len(falling) + n, wish) for n, wish in enumerate(falling)))
    seen = view()
    kept = restored(text_of(BalancerState(hold=window), seen, NOW_S), seen, NOW_S).hold
    assert len(kept.wishes) <= 64
    assert kept.largest() == window.largest()
    for now in range(0, 700, 7):
        until = {"now": NOW_S + now, "seconds": 300.0}
        assert kept.record(1, **until).largest() >= window.record(1, **until).largest()


def test_learned_starts_are_not_learned_again() -> None:
    pods = (
        ReplicaSeen(pod="tiny-a", created_at=NOW_S - 500, ready_at=NOW_S - 420),
        ReplicaSeen(pod="tiny-b", created_at=NOW_S - 300, ready_at=NOW_S - 270),
    )
    seen = view(2, pods=pods)
    state = round_of(seen, load(90, 90, 90), BalancerState(), NOW_S).state
    assert state.starts.seen == (80.0, 30.0)
    kept = restored(text_of(state, seen, NOW_S), seen, NOW_S + 10)
    assert round_of(seen, load(90, 90, 90), kept, NOW_S + 10).state.starts.seen == (80.0, 30.0)


# --- a crash, a long break, a person in between ---------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "seconds", "replicas"),
    [(False, 5, 8), (True, 46, 8), (True, 5, 7)],
    ids=["crash", "long-break", "scaled-meanwhile"],
)
def test_what_was_wished_meanwhile_is_not_known_so_the_present_is_held(
    *, ended: bool, seconds: int, replicas: int
) -> None:
    state = replace(full_state(), hold=HoldWindow(((NOW_S - 5, 1),)))
    text = text_of(state, view(8), NOW_S, ended=ended)
    seen = view(replicas)
    kept = restored(text, seen, NOW_S + seconds)
    assert kept.starts == state.starts
    assert kept.care == state.care
    assert kept.shortfalls.margin(100.0) == pytest.approx(state.shortfalls.margin(100.0), rel=1e-5)
    now, first = NOW_S + seconds, NOW_S + seconds
    while now - first < hold_seconds(kept.starts.seconds):
        outcome = round_of(seen, load(10, 10, 10), kept, now)
        assert outcome.replicas is None
        kept, now = outcome.state, now + 5
    assert (round_of(seen, load(10, 10, 10), kept, now + 15).replicas or 99) < replicas


@over(st.lists(steps, min_size=2, max_size=20), st.integers(0, 19), st.lists(steps, max_size=20))
def test_after_a_crash_nothing_goes_down_for_a_whole_hold(
    before: list[tuple[LoadReading, int]], written: int, later: list[tuple[LoadReading, int]]
) -> None:
    """However long before the crash the text was written, and whatever came since."""
    seen, now, state, text = view(), NOW_S, BalancerState(), ""
    for number, (reading, seconds) in enumerate(before):
        outcome = round_of(seen, reading, state, now)
        seen, state = after(seen, outcome), outcome.state
        if number == min(written, len(before) - 1):
            text = text_of(state, seen, now, ended=False)
        now += seconds
    state, start = restored(text, seen, now), now
    for reading, seconds in later:
        if now - start >= hold_seconds(state.starts.seconds):
            break
        outcome = round_of(seen, reading, state, now)
        assert outcome.verdict.desired >= (seen.replicas or 0)
        seen, state, now = after(seen, outcome), outcome.state, now + seconds


def test_a_break_without_a_change_holds_nothing_longer() -> None:
    state = replace(full_state(), hold=HoldWindow(((NOW_S - 5, 1),)), last_down=None)
    seen = view(8)
    kept = restored(text_of(state, seen, NOW_S), seen, NOW_S + SOON)
    assert round_of(seen, load(10, 10, 10), kept, NOW_S + SOON).replicas == 4


# --- what cannot be used --------------------------------------------------------------------------


def document(**changes: Any) -> str:
    """A sound text, keys replaced."""
    return json.dumps(json.loads(text_of(full_state(), view(), NOW_S)) | changes)


BAD: Mapping[str, str] = {
    "no JSON": "{",
    "another kind": "[1]",
    "nesting": "[" * 60_000,
    "empty object": "{}",
    "too long": document(uid="x" * 70_000),
    "another version": document(version=2),
    "another object": document(uid="uid-2"),
    "from the future": document(at=NOW_S + 3600),
    "no time": document(at=math.inf),
    "a time that is none": document(at=math.nan),
    "a huge number": document(at=10**400),
    "a negative age": document(hold=[[-5.0, 3]]),
    "an age that is none": document(minutes=[[math.nan, 1, 1]]),
    "too few columns": document(hold=[[5.0]]),
    "too many columns": document(forecasts=[[5.0, 1.0, 1.0, 1.0]]),
    "wishes that rise": document(hold=[[5.0, 3], [4.0, 7]]),
    "wishes out of order": document(hold=[[4.0, 7], [5.0, 3]]),
    "an absurd wish": document(hold=[[5.0, 10**9]]),
    "words for figures": document(hold="all"),
    "careless": document(factor=0.0),
    "too careful": document(factor=1e9),
    "a count that does not fit": document(shortfallCount=3),
    "an absurd count": document(shortfallCount=10**12),
    "starts that cannot be": document(starts=[-3.0]),
    "too many starts": document(starts=[30.0] * 11),
    "too many readings": document(fresh=99),
    "a decision of tomorrow": document(
        decided={"at": NOW_S + 86400, "before": 1, "after": 2, "reason": "x"}
    ),
    "a decision of half a replica": document(
        decided={"at": NOW_S, "before": 1.5, "after": 2, "reason": "x"}
    ),
    "a negative decision": document(decided={"at": NOW_S, "before": -1, "after": 2, "reason": "x"}),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_a_fresh_hold_window_with_the_present_count(text: str) -> None:
    seen = view(8)
    found = restore(text, seen, now=NOW_S, soon_seconds=SOON)
    assert found.state == BalancerState()
    assert found.trouble
    assert len(found.trouble) < 300
    outcome = round_of(seen, load(10, 10, 10), found.state, NOW_S)
    assert outcome.replicas is None
    assert outcome.state.hold.largest() == 8


def test_nothing_kept_is_no_trouble() -> None:
    assert restore("", view(), now=NOW_S, soon_seconds=SOON).trouble == ""


@over(st.recursive(st.none() | st.floats() | st.text() | st.booleans() | st.integers(),
                   lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
      st.sampled_from(sorted(json.loads(document()))))  # fmt: skip
def test_whatever_a_field_holds_it_is_used_or_refused(value: object, name: str) -> None:
    text = document(**{name: value})
    found = restore(text, view(), now=NOW_S, soon_seconds=SOON)
    if not found.trouble:
        outcome = round_of(view(), load(90, 90, 90), found.state, NOW_S)
        assert 1 <= outcome.verdict.desired <= 8


def test_figures_that_are_none_are_not_kept() -> None:
    odd = Shortfalls(short=((NOW_S, math.inf),), made=((NOW_S, math.nan, 1.0),))
    seen = view()
    kept = restored(text_of(BalancerState(shortfalls=odd), seen, NOW_S), seen, NOW_S)
    assert kept.shortfalls == Shortfalls()


# --- what is worth a write ------------------------------------------------------------------------


def test_what_changes_a_decision_is_worth_a_write_and_what_passes_is_not() -> None:
    state = full_state()
    decision = Decision(at=datetime(2026, 1, 31, 12, 5, tzinfo=UTC), before=5, after=3, reason="y")
    assert not outdates(state, state)
    assert not outdates(replace(state, hold=HoldWindow()), state)
    assert not outdates(replace(state, care=replace(state.care, factor=1.25)), state)
    assert not outdates(replace(state, shortfalls=shorts(720, 125.0)), state)
    for changed in (
        replace(state, starts=state.starts.add(90.0)),
        replace(state, last_down=NOW_S),
        replace(state, care=replace(state.care, factor=1.5)),
        replace(state, shortfalls=shorts(720, 300.0)),
        replace(state, shortfalls=shorts(ENOUGH - 1)),
        state.decided(decision),
    ):
        assert outdates(changed, state)
