"""One round over the services: what is decided, why, and what never happens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import operator_samples as samples
import pytest
from fleet_samples import GONE, GPU, given, load
from hypothesis import given as over
from hypothesis import strategies as st
from operator_samples import NOW

from modelservice_operator.api.names import PAUSE
from modelservice_operator.api.pausing import pause_of
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.api.spec import Scaling
from modelservice_operator.fleet import ReplicaSeen, ServiceView
from modelservice_operator.load.balance import Outcome, plan_round
from modelservice_operator.load.cold_start import ColdStart
from modelservice_operator.load.error_budget import LEAST, ErrorBudget
from modelservice_operator.load.forecast import ENOUGH, Rates, Shortfalls
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.hold import HoldWindow
from modelservice_operator.load.reading import LoadReading, NoData
from modelservice_operator.load.replicas import FRESH_READINGS, BalancerState
from modelservice_operator.settings import BalancerSettings

SETTINGS = BalancerSettings()
NOW_S = NOW.timestamp()
STEP = 10.0


def settled(count: int) -> BalancerState:
    """Long since read, with a hold window that has nothing above ``count``."""
    return BalancerState(
        hold=HoldWindow(((NOW_S - STEP, count),)),
        fresh=FRESH_READINGS,
        started=frozenset(f"tiny-{number}" for number in range(20)),
    )


def decided(
    reading: LoadReading,
    state: BalancerState | None = None,
    *,
    now: float = NOW_S,
    budget: int | None = None,
    **view: object,
) -> Outcome:
    """One round of the sample service alone."""
    seen = samples.view(**view)
    budgets = given(budget) if seen.gpus else Budgets()
    states = {} if state is None else {seen.key: state}
    found = plan_round(
        {seen.key: seen}, {seen.key: reading}, states, budgets, now=now, settings=SETTINGS
    )
    return found[seen.key]


def test_more_load_than_capacity_grows_at_once_and_says_why() -> None:
    outcome = decided(load(150))
    assert outcome.replicas == 4
    assert outcome.verdict.decisions[-1].reason == (
        "180 rows/s expected in 60 s, capacity 50 rows/s each"
    )


def test_with_little_care_less_is_planned_for_than_is_expected_and_the_reason_says_so() -> None:
    state = replace(settled(4), care=ErrorBudget(factor=LEAST), started=frozenset())
    state = replace(state, shortfalls=Shortfalls(short=((NOW_S, 0.0),) * ENOUGH))
    decision = decided(load(200), state, replicas=2).verdict.decisions[-1]
    assert (decision.before, decision.after) == (2, 4)
    assert decision.reason == (
        "154 planned for of 200 rows/s expected in 60 s since hardly any is refused,"
        " capacity 50 rows/s each"
    )


def test_refusals_with_replicas_enough_are_not_counted_against_the_error_budget() -> None:
    reading = load(150, requests=9000.0, violations=450.0)
    enough, short = (decided(reading, replicas=count).state.care for count in (4, 2))
    assert (enough.minutes[-1], short.minutes[-1]) == ((NOW_S, 9000.0, 0.0), (NOW_S, 9000.0, 450.0))
    assert enough.factor < 1 < short.factor


def test_load_that_rises_is_met_ahead() -> None:
    rising = load(150, rates=Rates(short=110.0, long=110.0, before=10.0))
    state = BalancerState(starts=ColdStart(seen=(30.0,) * 3))
    assert decided(rising, state).verdict.desired == 4
    assert decided(load(110), state).verdict.desired == 3


def test_less_load_is_held_first_and_the_verdict_says_until_when() -> None:
    state = replace(settled(8), hold=HoldWindow(((NOW_S - STEP, 6),)))
    outcome = decided(load(10), state, replicas=8)
    assert outcome.replicas == 6
    assert "1 would do, 6 held until 12:04:50 UTC" in outcome.verdict.reason


def test_less_load_goes_down_after_the_hold_by_half_and_not_at_once_again() -> None:
    first = decided(load(10), settled(1), replicas=8)
    assert first.replicas == 4
    soon = decided(load(10), first.state, now=NOW_S + 5, replicas=4)
    assert soon.replicas is None
    later = decided(load(10), first.state, now=NOW_S + 16, replicas=4)
    assert later.replicas == 2


def test_after_a_start_nothing_goes_down_until_the_load_was_read_three_times() -> None:
    state, counts = BalancerState(), []
    for number in range(20):
        outcome = decided(load(10), state, now=NOW_S + STEP * number, replicas=8)
        state = outcome.state
        counts.append(outcome.replicas)
    assert counts[: FRESH_READINGS - 1] == [None] * (FRESH_READINGS - 1)
    assert any(count is not None for count in counts)


@pytest.mark.parametrize("before", [1, 2, 8])
def test_without_data_nothing_changes(before: int) -> None:
    outcome = decided(GONE, settled(1), replicas=before)
    assert outcome.replicas is None
    assert outcome.verdict.metrics_available is False
    assert outcome.verdict.metrics_reason == "PrometheusUnreachable"


def test_after_a_gap_the_hold_starts_with_what_is_there() -> None:
    blind = decided(GONE, settled(1), replicas=8)
    for number in range(1, FRESH_READINGS + 3):
        outcome = decided(load(10), blind.state, now=NOW_S + STEP * number, replicas=8)
        assert outcome.replicas is None
        blind = outcome


def test_a_replica_that_was_not_scraped_yet_is_no_trouble_until_it_stays_so() -> None:
    unheard = NoData(reason="NoSeries", message="Prometheus has no series", young=True)
    first = decided(unheard)
    assert first.verdict.metrics_available is None
    assert first.verdict.metrics_reason == "NotScrapedYet"
    later = NOW_S + SETTINGS.metrics_stale_seconds
    still = decided(unheard, first.state, now=later)
    assert still.verdict.metrics_available is False
    assert still.verdict.metrics_reason == "NoSeries"
    heard = decided(load(1), still.state, now=later)
    again = decided(unheard, heard.state, now=later)
    assert again.verdict.metrics_available is None


def test_without_data_the_bounds_still_hold() -> None:
    assert decided(GONE, replicas=12).replicas == 8


def test_not_heard_of_every_replica_may_grow_but_not_shrink() -> None:
    assert decided(load(150, complete=False)).replicas == 4
    held = decided(load(1, complete=False), settled(1), replicas=8)
    assert held.replicas is None
    assert "not every replica was heard of" in held.verdict.reason


def test_what_only_the_replicas_say_may_grow_but_not_shrink() -> None:
    """Prometheus is gone; it counts as such, and after it comes back three readings are needed."""
    asked = {"source": "the replicas themselves", "instead_of": GONE}
    assert decided(load(300, **asked), settled(1), replicas=4).replicas == 8
    low = decided(load(10, **asked), settled(1), replicas=4)
    assert low.replicas is None
    assert "held: no answer" in low.verdict.reason
    assert (low.verdict.metrics_available, low.verdict.metrics_reason) == (
        False,
        "PrometheusUnreachable",
    )
    assert "none is taken away" in low.verdict.metrics_message
    again = decided(load(10), low.state, now=NOW_S + STEP, replicas=4)
    assert again.replicas is None
    assert "3 times" in again.verdict.reason


@pytest.mark.parametrize("unsure", [{"complete": False}, {"instead_of": GONE}])
def test_of_what_is_not_surely_known_no_gpu_is_taken(unsure: dict[str, object]) -> None:
    views = fleet(on_gpu("low", 4), on_gpu("high", 1, scaling=ranked(9)))
    loads = {"low": load(10, **unsure), "high": load(300)}
    found = round_of(views, loads, 5)
    assert [item.replicas for item in found.values()] == [None, None]


def test_before_there_is_a_profile_the_count_is_kept_within_its_bounds() -> None:
    outcome = decided(load(1000), capacity=None)
    assert outcome.replicas is None
    assert "no usable profile" in outcome.verdict.reason


def test_set_by_hand_is_taken_as_it_is_beyond_the_bounds() -> None:
    by_hand = Scaling(min_replicas=1, max_replicas=2, mode="Auto", replicas=5)
    outcome = decided(load(0), scaling=by_hand)
    assert outcome.replicas == 5
    assert "set by hand" in outcome.verdict.reason


def test_suspended_has_no_replicas() -> None:
    assert decided(load(1000), suspend=True).replicas == 0


def test_recommend_says_and_does_not_do_and_says_it_once() -> None:
    scaling = Scaling(min_replicas=1, max_replicas=8, mode="Recommend", replicas=None)
    first = decided(load(150), scaling=scaling)
    assert first.replicas is None
    assert first.verdict.desired == 4
    assert "not applied" in first.verdict.decisions[-1].reason
    second = decided(load(150), first.state, scaling=scaling)
    assert len(second.verdict.decisions) == 1


def test_slow_starts_are_learned_once_each() -> None:
    new = ReplicaSeen(pod="tiny-9", created_at=NOW_S - 100, ready_at=NOW_S - 5)
    pods = (*samples.replicas_seen(1), new)
    first = decided(load(10), pods=pods)
    assert first.state.starts.seen == (30.0, 95.0)
    assert decided(load(10), first.state, pods=pods).state.starts.seen == (30.0, 95.0)


def test_a_queue_asks_for_more_but_not_for_a_hundred() -> None:
    waiting = decided(load(90, pending=5_000.0), replicas=3).verdict.desired
    assert decided(load(90), replicas=3).verdict.desired < waiting <= 8


# --- GPUs -------------------------------------------------------------------------------------


def fleet(*services: ServiceView) -> dict[ServiceKey, ServiceView]:
    return {view.key: view for view in services}


def on_gpu(name: str, replicas: int, **changes: object) -> ServiceView:
    return samples.view(name, replicas=replicas, pool=GPU, gpus=1, **changes)


def ranked(priority: int, **changes: int) -> Scaling:
    bounds = {"min_replicas": 1, "max_replicas": 8} | changes
    return Scaling(mode="Auto", replicas=None, priority=priority, **bounds)


def round_of(
    views: Mapping[ServiceKey, ServiceView],
    loads: Mapping[str, LoadReading],
    gpus: Budgets | int | None,
    states: Mapping[ServiceKey, BalancerState] | None = None,
    now: float = NOW_S,
) -> dict[str, Outcome]:
    found = plan_round(
        views,
        {key: loads[key.name] for key in views},
        states or {},
        gpus if isinstance(gpus, Budgets) else given(gpus),
        now=now,
        settings=SETTINGS,
    )
    return {key.name: outcome for key, outcome in found.items()}


def test_donors_go_first_and_the_receiver_waits_for_them() -> None:
    tagger = on_gpu("tagger", 4)
    chat = on_gpu("chat", 1, scaling=ranked(10))
    loads = {"tagger": load(160), "chat": load(160)}
    first = round_of(fleet(tagger, chat), loads, 5)
    assert first["tagger"].replicas == 2
    assert first["chat"].replicas is None
    assert "taken from demo/tagger (priority 0)" in first["chat"].verdict.reason
    assert "given to demo/chat (priority 10)" in first["tagger"].verdict.decisions[-1].reason
    # The pods of the donor still hold their GPUs while they leave.
    leaving = replace(
        tagger,
        replicas=2,
        pods=tuple(replace(pod, leaving=number >= 2) for number, pod in enumerate(tagger.pods)),
    )
    states = {key: first[key.name].state for key in fleet(tagger, chat)}
    second = round_of(fleet(leaving, chat), loads, 5, states, NOW_S + STEP)
    assert second["chat"].replicas is None
    left = replace(leaving, pods=leaving.pods[:2])
    third = round_of(fleet(left, chat), loads, 5, states, NOW_S + 2 * STEP)
    assert third["chat"].replicas == 3


def test_a_replica_goes_to_an_equal_only_once_it_has_paid_for_its_start() -> None:
    chat, loads = on_gpu("chat", 1), {"tagger": load(60), "chat": load(160)}
    tagger = on_gpu("tagger", 4)
    state = replace(settled(4), starts=ColdStart(seen=(30.0,) * 3))
    states = dict.fromkeys(fleet(tagger, chat), state)
    for age, gives in ((2 * 30.0 + 1, True), (2 * 30.0 - 1, False)):
        *old, new = tagger.pods
        young = replace(tagger, pods=(*old, replace(new, created_at=NOW_S - age)))
        found = round_of(fleet(young, chat), loads, 5, states)
        assert ("taken from demo/tagger" in found["chat"].verdict.reason) is gives


def test_an_unknown_budget_stops_growth_and_takes_nothing() -> None:
    found = round_of(fleet(on_gpu("a", 3), on_gpu("b", 1)), {"a": load(140), "b": load(400)}, None)
    assert found["a"].replicas is None
    assert found["b"].replicas is None
    assert "no node was read; nothing grows" in found["b"].verdict.reason
    assert found["b"].verdict.budget_reason == "BudgetUnknown"


def test_a_namespace_gets_no_more_than_its_quota() -> None:
    found = round_of(fleet(on_gpu("a", 1)), {"a": load(400)}, given(20, demo=3))["a"]
    assert found.replicas == 3
    words = "the 3 nvidia.com/gpu of the quota of namespace demo are in use"
    assert words in found.verdict.budget_message


def test_a_minimum_beyond_the_quota_is_reported_and_not_half_applied() -> None:
    views = fleet(
        on_gpu("low", 2, scaling=ranked(0, min_replicas=2)),
        on_gpu("high", 0, capacity=None, scaling=ranked(9, min_replicas=3)),
    )
    loads = {"low": load(10), "high": GONE}
    short = round_of(views, loads, given(20, demo=4))
    assert [item.replicas for item in short.values()] == [None, None]
    assert short["high"].verdict.budget_reason == "MinimumDoesNotFit"
    assert "the quota of namespace demo" in short["high"].verdict.budget_message
    assert round_of(views, loads, given(20, demo=5))["high"].replicas == 3


def test_a_minimum_that_does_not_fit_is_reported_and_not_half_applied() -> None:
    views = fleet(
        on_gpu("a", 3, scaling=ranked(5, min_replicas=3)),
        on_gpu("b", 0, scaling=ranked(0, min_replicas=3)),
    )
    found = round_of(views, {"a": load(150), "b": GONE}, 4)
    assert found["b"].verdict.within_budget is False


def test_blind_services_give_nothing_and_get_nothing() -> None:
    views = fleet(on_gpu("blind", 3), on_gpu("busy", 1, scaling=ranked(10)))
    found = round_of(views, {"blind": GONE, "busy": load(400)}, 4)
    assert found["blind"].replicas is None
    assert found["busy"].replicas is None
    assert found["busy"].verdict.budget_reason == "BudgetExhausted"


def test_a_replica_without_a_place_gives_its_gpu_back_and_that_is_said() -> None:
    lost = ReplicaSeen(pod="a-9", created_at=NOW_S - 200, homeless_since=NOW_S - 150)
    view = on_gpu("a", 3, pods=(*samples.replicas_seen(2, "a"), lost))
    found = round_of(fleet(view), {"a": load(140)}, 8)["a"]
    assert found.replicas == 2
    assert found.verdict.budget_reason == "Unschedulable"


def test_a_budget_that_shrinks_below_what_runs_takes_down_to_the_minima() -> None:
    views = fleet(on_gpu("a", 4), on_gpu("b", 4, scaling=ranked(1)))
    found = round_of(views, {"a": load(190), "b": load(190)}, 5)
    assert found["a"].replicas == 2  # half of it now, the rest in the next steps
    assert found["b"].replicas is None


# --- what holds whatever comes ----------------------------------------------------------------

rates = st.floats(min_value=0, max_value=1e6)
readings = st.one_of(
    rates.map(load),
    st.just(GONE),
    rates.map(lambda rate: load(rate, complete=False)),
    rates.map(lambda rate: load(rate, instead_of=GONE)),
)


@over(rates, st.integers(1, 50), st.integers(1, 50), st.integers(0, 60))
def test_bounds_are_always_kept(rows: float, low: int, more: int, current: int) -> None:
    scaling = Scaling(min_replicas=low, max_replicas=low + more, mode="Auto", replicas=None)
    outcome = decided(load(rows), scaling=scaling, replicas=current)
    count = current if outcome.replicas is None else outcome.replicas
    assert count >= min(low, current)
    assert count <= max(low + more, math.ceil(current / 2))


@over(st.lists(rates, min_size=1, max_size=30))
def test_nothing_goes_down_within_the_hold(rows: list[float]) -> None:
    state, count = BalancerState(), 4
    for second, rate in enumerate(rows):
        outcome = decided(load(rate), state, now=NOW_S + second, replicas=count)
        state = outcome.state
        after = count if outcome.replicas is None else outcome.replicas
        assert after >= count
        count = after


Script = list[tuple[LoadReading, LoadReading, int | None]]


@over(
    st.lists(st.tuples(readings, readings, st.one_of(st.none(), st.integers(2, 12))), max_size=25),
    st.one_of(st.none(), st.integers(2, 12)),
)
def test_never_above_the_budget_never_below_the_minimum_never_down_while_blind(
    script: Script, quota: int | None
) -> None:
    counts, states = {"a": 1, "b": 1}, {}
    last = 12
    for number, (first, second, gpus) in enumerate(script):
        views = fleet(
            on_gpu("a", counts["a"]), on_gpu("b", counts["b"], scaling=ranked(3, min_replicas=1))
        )
        budgets = given(gpus) if quota is None or gpus is None else given(gpus, demo=quota)
        loads = {"a": first, "b": second}
        found = round_of(views, loads, budgets, states, NOW_S + 20.0 * number)
        before = dict(counts)
        for name, reading in (("a", first), ("b", second)):
            outcome = found[name]
            counts[name] = counts[name] if outcome.replicas is None else outcome.replicas
            assert 1 <= counts[name] <= 8
            if isinstance(reading, NoData):
                assert counts[name] == before[name]
            elif not reading.firm:
                assert counts[name] >= before[name]
            if outcome.replicas is not None:
                assert outcome.verdict.decisions[-1].after == counts[name]
                assert outcome.verdict.decisions[-1].reason
        if gpus is None:
            assert all(counts[name] <= before[name] for name in counts)
        else:
            last = max(min(gpus, quota or gpus), sum(before.values()))
            assert sum(counts.values()) <= last
        states = {ServiceKey("demo", name): found[name].state for name in found}


@over(readings, readings, st.integers(2, 12))
def test_the_same_input_gives_the_same_decision(
    first: LoadReading, second: LoadReading, gpus: int
) -> None:
    views = fleet(on_gpu("a", 3), on_gpu("b", 2))
    mixed = dict(reversed(views.items()))
    loads = {"a": first, "b": second}
    one, two = (round_of(order, loads, gpus) for order in (views, mixed))
    assert one == two or {k: v.verdict for k, v in one.items()} == {
        k: v.verdict for k, v in two.items()
    }


@pytest.mark.parametrize(
    ("annotation", "rows", "count"),
    [
        ("in", 10.0, 4),
        ("in", 300.0, 8),
        ("out", 300.0, 4),
        ("out", 10.0, 2),
        ("all", 300.0, 4),
        ("all", 10.0, 4),
        ("whatever", 10.0, 4),
    ],
)
def test_a_pause_keeps_its_side_and_says_so(annotation: str, rows: float, count: int) -> None:
    pause = pause_of({PAUSE: annotation})
    outcome = decided(load(rows), settled(1), replicas=4, pause=pause)
    assert outcome.verdict.desired == count
    assert ("paused" in outcome.verdict.reason) == (count == 4)
    assert ("none of in, out, all" in outcome.verdict.reason) == (annotation == "whatever")


def test_what_another_autoscaler_sets_is_left_to_it() -> None:
    outcome = decided(load(900), replicas=4, rival="ScaledObject web sets the replicas")
    assert outcome.replicas is None
    assert outcome.verdict.reason.startswith("ScaledObject web")


def test_from_a_service_whose_decrease_is_paused_nothing_is_taken() -> None:
    low = on_gpu("low", 4, pause=pause_of({PAUSE: "in"}))
    high = on_gpu("high", 1, scaling=ranked(9))
    found = round_of(fleet(low, high), {"low": load(10), "high": load(900)}, 5)
    assert found["low"].verdict.desired == 4
    assert found["high"].verdict.desired == 1


def test_a_minimum_before_there_is_a_profile_comes_whole_or_not_at_all() -> None:
    low = on_gpu("low", 2, scaling=ranked(0, min_replicas=2))
    high = on_gpu("high", 0, capacity=None, scaling=ranked(9, min_replicas=2))
    loads = {"low": load(10), "high": GONE}
    short = round_of(fleet(low, high), loads, 3)["high"]
    assert (short.replicas, short.verdict.budget_reason) == (None, "MinimumDoesNotFit")
    assert round_of(fleet(low, high), loads, 4)["high"].replicas == 2


def test_what_has_no_deployment_yet_takes_from_nobody() -> None:
    low = on_gpu("low", 4)
    high = on_gpu("high", 0, capacity=None, scaling=ranked(9, min_replicas=2))
    coming = replace(high, replicas=None)
    loads = {"low": load(160), "high": GONE}
    found = round_of(fleet(low, coming), loads, 4)
    assert found["low"].replicas is None
    assert found["high"].verdict.within_budget is None
    assert found["high"].verdict.budget_reason == "NotDeployed"
    assert round_of(fleet(low, high), loads, 4)["low"].replicas == 2


def test_with_an_unknown_budget_a_service_still_gets_its_minimum() -> None:
    new = on_gpu("new", 0, capacity=None, scaling=ranked(0, min_replicas=2))
    outcome = round_of(fleet(new), {"new": GONE}, None)["new"]
    assert outcome.replicas == 2
    assert outcome.verdict.budget_reason == "BudgetUnknown"
