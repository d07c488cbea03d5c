"""A rollout where GPUs are short: it gets out, costs one replica at most, and gives that back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import operator_samples as samples
import pytest
from fleet_samples import GONE, GPU, given
from fleet_samples import load as rows_of
from hypothesis import given as over
from hypothesis import settings as limits
from hypothesis import strategies as st
from operator_samples import NOW
from rolling_world import Rolled, RollingWorld

from modelservice_operator.api.names import PAUSE
from modelservice_operator.api.pausing import pause_of
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.api.spec import Scaling
from modelservice_operator.fleet import ROLLOUT_WAITS, ReplicaSeen, ServiceView
from modelservice_operator.load.balance import Outcome, plan_round
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.places import HOMELESS_SECONDS
from modelservice_operator.load.reading import Load, LoadReading
from modelservice_operator.load.replicas import BalancerState
from modelservice_operator.settings import BalancerSettings

NOW_S = NOW.timestamp()
#: With the margin of an unknown forecast this is what one replica carries, and a little less.
ROWS = 40.0


def load(replicas: float) -> Load:
    """As much as so many replicas carry."""
    return rows_of(ROWS * replicas)


def ranked(priority: int = 0, least: int = 1, **changes: Any) -> Scaling:
    values: dict[str, Any] = {"max_replicas": 8, "mode": "Auto", "replicas": None} | changes
    return Scaling(min_replicas=least, priority=priority, **values)


def on_gpu(name: str, replicas: int, **changes: Any) -> ServiceView:
    return samples.view(name, replicas=replicas, pool=GPU, gpus=1, **changes)


def rolling(name: str, replicas: int, *, waited: float = 10.0, **changes: Any) -> ServiceView:
    """Its replicas answer; the rollout's new pod has no place."""
    surge = ReplicaSeen(pod=f"{name}-new", created_at=NOW_S - waited, homeless_since=NOW_S - waited)
    pods = (*samples.replicas_seen(replicas, name), surge)
    return on_gpu(name, replicas, pods=pods, rolling=True, **changes)


def round_of(
    readings: dict[str, LoadReading],
    budgets: Budgets | int | None,
    *services: ServiceView,
    states: dict[ServiceKey, BalancerState] | None = None,
) -> dict[str, Outcome]:
    found = plan_round(
        {view.key: view for view in services},
        {view.key: readings[view.key.name] for view in services},
        states or {},
        budgets if isinstance(budgets, Budgets) else given(budgets),
        now=NOW_S,
        settings=BalancerSettings(),
    )
    return {key.name: outcome for key, outcome in found.items()}


def test_a_free_gpu_serves_the_new_pod_and_costs_nothing() -> None:
    found = round_of({"a": load(3)}, 4, rolling("a", 3))["a"]
    assert found.replicas is None
    assert found.verdict.within_budget is True
    assert found.verdict.budget_message == (
        "3 of all 4 nvidia.com/gpu, and 1 for the new pod of the rollout"
    )


def test_with_none_free_one_of_its_own_makes_room_and_that_is_said() -> None:
    found = round_of({"a": load(3)}, 3, rolling("a", 3))["a"]
    assert found.replicas == 2
    assert found.state.lent == 1
    assert (found.verdict.within_budget, found.verdict.budget_reason) == (False, "GivenToRollout")
    words = (
        "3 wanted, 2 given: one makes room for the new pod of the rollout, since all 3"
        " nvidia.com/gpu are in use"
    )
    assert found.verdict.budget_message == words
    assert found.verdict.decisions[-1].reason.endswith(words)


def test_the_only_replica_is_kept_and_what_is_missing_is_said() -> None:
    found = round_of(
        {"a": load(1), "b": load(3)}, 4, rolling("a", 1), on_gpu("b", 3, scaling=ranked(9))
    )["a"]
    assert found.replicas is None
    assert (found.verdict.within_budget, found.verdict.budget_reason) == (False, ROLLOUT_WAITS)
    assert found.verdict.budget_message == (
        "the rollout waits for a free GPU for the new pod: 1 needed, 0 free of all 4 nvidia.com/gpu"
    )


def test_the_only_replica_s_new_pod_gets_what_equals_have_beyond_their_minimum() -> None:
    found = round_of({"a": load(1), "b": load(3)}, 4, rolling("a", 1), on_gpu("b", 3))
    assert found["b"].replicas == 2
    assert found["a"].verdict.within_budget is True
    assert "given to demo/a" in found["b"].verdict.decisions[-1].reason


def test_a_lower_priority_gives_before_its_own_replica_does() -> None:
    high, low = rolling("high", 2, scaling=ranked(9)), on_gpu("low", 2)
    found = round_of({"high": load(2), "low": load(2)}, 4, high, low)
    assert (found["high"].replicas, found["low"].replicas) == (None, 1)
    assert "1 nvidia.com/gpu given to demo/high (priority 9)" in (
        found["low"].verdict.decisions[-1].reason
    )


def test_a_higher_priority_gives_nothing() -> None:
    high, low = on_gpu("high", 2, scaling=ranked(9)), rolling("low", 2)
    found = round_of({"high": load(2), "low": load(2)}, 4, high, low)
    assert (found["high"].replicas, found["low"].replicas) == (None, 1)


def test_an_equal_gives_only_what_is_worth_less_to_it() -> None:
    busy, idle = rolling("busy", 2), on_gpu("idle", 2)
    kept = {idle.key: BalancerState(started=frozenset({"idle-0", "idle-1"}))}
    found = round_of({"busy": load(2), "idle": load(0.1)}, 4, busy, idle, states=kept)
    assert (found["busy"].replicas, found["idle"].replicas) == (None, 1)
    alike = round_of({"busy": load(2), "idle": load(2)}, 4, busy, idle)
    assert (alike["busy"].replicas, alike["idle"].replicas) == (1, None)


def test_a_higher_minimum_counts_on_the_end_of_a_lower_rollout_and_waits_for_it() -> None:
    """Its new pod has its place, and may never get ready."""
    low = replace(rolling("low", 1), pods=samples.replicas_seen(2, "low"))
    high = on_gpu("high", 0, capacity=None, scaling=ranked(9, least=3))
    found = round_of({"low": load(1), "high": GONE}, 4, low, high)
    assert (found["high"].replicas, found["low"].replicas) == (2, None)
    # The other way round nothing is taken from it, nor does it give up a replica.
    rich = replace(rolling("rich", 2, scaling=ranked(9)), pods=samples.replicas_seen(3, "rich"))
    poor = on_gpu("poor", 0, capacity=None, scaling=ranked(0, least=2))
    found = round_of({"rich": load(2), "poor": GONE}, 4, rich, poor)
    assert (found["rich"].replicas, found["poor"].replicas) == (None, None)
    assert found["poor"].verdict.budget_reason == "MinimumDoesNotFit"


def test_below_its_minimum_it_goes_by_one_and_not_by_a_second() -> None:
    view = rolling("a", 3, scaling=ranked(least=3))
    first = round_of({"a": load(3)}, 3, view)["a"]
    assert first.replicas == 2
    # The pod that leaves is gone, and the new one has not been scheduled yet.
    after = replace(view, replicas=2, pods=view.pods[1:])
    second = round_of({"a": load(3)}, 3, after, states={view.key: first.state})["a"]
    assert second.replicas is None
    assert second.verdict.budget_reason == "GivenToRollout"
    third = round_of({"a": load(3)}, 2, after, states={view.key: second.state})["a"]
    assert third.replicas is None


def test_after_the_rollout_it_has_as_many_as_before_though_no_load_says_so() -> None:
    view = rolling("a", 3, capacity=None)
    first = round_of({"a": load(1)}, 3, view)["a"]
    assert first.replicas == 2
    done = on_gpu("a", 2, capacity=None)
    second = round_of({"a": load(1)}, 3, done, states={view.key: first.state})["a"]
    assert second.replicas == 3
    assert second.state.lent == 0
    assert "the rollout has ended" in second.verdict.decisions[-1].reason


def test_a_count_set_by_hand_goes_down_by_one_and_comes_back() -> None:
    by_hand = ranked(replicas=3)
    first = round_of({"a": GONE}, 3, rolling("a", 3, scaling=by_hand))["a"]
    assert first.replicas is None
    assert "since its load is not surely known" in first.verdict.budget_message
    first = round_of({"a": load(1)}, 3, rolling("a", 3, scaling=by_hand))["a"]
    assert first.replicas == 2
    back = on_gpu("a", 2, scaling=by_hand)
    assert round_of({"a": load(1)}, 3, back, states={back.key: first.state})["a"].replicas == 3


@pytest.mark.parametrize(
    ("changes", "reading", "why"),
    [
        ({}, GONE, "its load is not surely known"),
        ({}, replace(load(2), complete=False), "its load is not surely known"),
        ({"pause": pause_of({PAUSE: "in"})}, load(2), "it is paused (annotation"),
        ({"pause": pause_of({PAUSE: "all"})}, load(2), "it is paused (annotation"),
        ({"rival": "HorizontalPodAutoscaler web sets them"}, load(2), "another autoscaler"),
    ],
)
def test_what_may_not_shrink_waits_and_says_why(
    changes: dict[str, Any], reading: LoadReading, why: str
) -> None:
    found = round_of({"a": reading}, 2, rolling("a", 2, **changes))["a"]
    assert found.replicas is None
    assert found.verdict.budget_reason == ROLLOUT_WAITS
    assert f"none of its own makes room, since {why}" in found.verdict.budget_message


def test_replicas_that_do_not_answer_may_go_without_a_load() -> None:
    pods = tuple(replace(pod, ready_at=None) for pod in rolling("a", 2).pods)
    found = round_of({"a": GONE}, 2, replace(rolling("a", 2), pods=pods))["a"]
    assert found.replicas == 1


def test_what_is_only_advised_is_not_done() -> None:
    found = round_of({"a": load(2)}, 2, rolling("a", 2, scaling=ranked(mode="Recommend")))["a"]
    assert found.replicas is None


def test_a_quota_that_is_used_up_counts_as_well() -> None:
    found = round_of({"a": load(2)}, given(20, demo=2), rolling("a", 2))["a"]
    assert found.replicas == 1
    assert "the 2 nvidia.com/gpu of the quota of namespace demo" in found.verdict.budget_message
    alone = round_of({"a": load(1)}, given(20, demo=1), rolling("a", 1))["a"]
    assert alone.verdict.budget_reason == ROLLOUT_WAITS
    assert "0 free of the 1 nvidia.com/gpu of the quota" in alone.verdict.budget_message


def test_free_gpus_that_the_scheduler_cannot_use_are_as_good_as_none() -> None:
    """Two on two nodes are no place for a pod that needs two."""
    waited = HOMELESS_SECONDS + 1
    found = round_of({"a": load(2)}, 8, rolling("a", 2, waited=waited))["a"]
    assert found.replicas == 1
    alone = round_of({"a": load(1)}, 8, rolling("a", 1, waited=waited))["a"]
    assert alone.replicas is None
    assert alone.verdict.budget_reason == "Unschedulable"


def test_with_an_unknown_budget_a_rollout_that_is_stuck_gets_out_and_the_replica_comes_back() -> (
    None
):
    soon = round_of({"a": load(2)}, None, rolling("a", 2))["a"]
    assert soon.replicas is None
    view = rolling("a", 2, waited=HOMELESS_SECONDS + 1)
    stuck = round_of({"a": load(2)}, None, view)["a"]
    assert stuck.replicas == 1
    during = replace(view, replicas=1)
    state = {view.key: stuck.state}
    assert round_of({"a": load(2)}, None, during, states=state)["a"].replicas is None
    assert round_of({"a": load(2)}, None, on_gpu("a", 1), states=state)["a"].replicas == 2


def test_a_new_pod_beyond_the_operator_s_own_limit_costs_a_replica_too() -> None:
    """The scheduler knows nothing of ``balancer.gpus``: the pod is there already."""
    placed = replace(rolling("a", 3), pods=samples.replicas_seen(4, "a"))
    assert round_of({"a": load(3)}, 3, placed)["a"].replicas == 2
    alone = replace(rolling("a", 1), pods=samples.replicas_seen(2, "a"))
    found = round_of({"a": load(1)}, 1, alone)["a"]
    assert found.replicas is None


# --- what holds whatever comes ----------------------------------------------------------------


@over(
    mine=st.integers(1, 4),
    others=st.integers(1, 4),
    spare=st.integers(0, 1),
    least=st.integers(1, 4),
    priority=st.sampled_from([0, 5, 9]),
    is_sized=st.booleans(),
)
@limits(max_examples=60)
def test_a_rollout_gets_out_if_it_can_costs_one_replica_and_gives_it_back(
    *, mine: int, others: int, spare: int, least: int, priority: int, is_sized: bool
) -> None:
    """Two services on GPUs that are all in use, or all but one; the other has priority 5."""
    capacity = {} if is_sized else {"capacity": None}
    least = min(least, mine)
    a = Rolled(on_gpu("a", mine, scaling=ranked(priority, least), **capacity), mine)
    b = Rolled(on_gpu("b", others, scaling=ranked(5)), others)
    world = RollingWorld(mine + others + spare, {"a": a, "b": b}, NOW_S)
    readings: dict[str, LoadReading] = {"a": load(mine), "b": load(others)}
    world.step(readings)
    a.template += 1
    changes: list[int] = []
    for _ in range(80):
        before = a.replicas
        world.step(readings)
        changes += [a.replicas] if a.replicas != before else []
        assert world.held() <= world.gpus
        assert a.replicas + b.replicas <= world.gpus
        assert a.ready(world.now) >= max(1, min(least, mine) - 1)
        assert a.replicas >= max(1, mine - 1)
        assert b.replicas >= (others if priority < 5 else 1)
    gets_out = spare > 0 or mine > 1 or (priority >= 5 and others > 1)
    assert (a.active(newest=False) == []) == gets_out
    if gets_out:
        assert (a.replicas, b.replicas) == (mine, others)
        assert a.ready(world.now) == mine
        assert changes in ([], [mine - 1, mine])
        assert world.outcomes["a"].verdict.within_budget is True
    else:
        assert world.outcomes["a"].verdict.budget_reason == ROLLOUT_WAITS
