"""onMetricsLoss: what becomes of the replicas while nobody tells their load."""

from __future__ import annotations

from dataclasses import replace

import operator_samples as samples
import pytest
from fleet_samples import GONE, GPU, load
from hypothesis import given as over
from hypothesis import strategies as st
from operator_samples import NOW

from modelservice_operator.api.names import PAUSE
from modelservice_operator.api.pausing import pause_of
from modelservice_operator.api.spec import HOLD, SAFE, Scaling
from modelservice_operator.fleet import ServiceView
from modelservice_operator.load.balance import Outcome, plan_round
from modelservice_operator.load.budget import Budget
from modelservice_operator.load.forecast import Rates
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.hold import HoldWindow
from modelservice_operator.load.reading import LoadReading
from modelservice_operator.load.replicas import (
    PEAK_SECONDS,
    SAFE_AFTER_SECONDS,
    BalancerState,
)
from modelservice_operator.settings import BalancerSettings

NOW_S = NOW.timestamp()
KNOWN = load(10.0)


def scaling(on_loss: str, priority: int = 0) -> Scaling:
    return Scaling(
        min_replicas=1,
        max_replicas=8,
        mode="Auto",
        replicas=None,
        priority=priority,
        on_metrics_loss=on_loss,
    )


def blind(seconds: float, *, most: int = 6, ago: float = 3600.0) -> BalancerState:
    """Not heard of for so long; ``most`` replicas ``ago`` seconds before."""
    return BalancerState(blind_since=NOW_S - seconds, peak=HoldWindow(((NOW_S - ago, most),)))


def decided(view: ServiceView, state: BalancerState, reading: LoadReading = GONE) -> Outcome:
    found = plan_round(
        {view.key: view},
        {view.key: reading},
        {view.key: state},
        Budgets(),
        now=NOW_S,
        settings=BalancerSettings(),
    )
    return found[view.key]


LONG = SAFE_AFTER_SECONDS


def test_after_ten_minutes_safe_goes_up_to_the_most_of_the_last_day_and_says_so() -> None:
    outcome = decided(samples.view(scaling=scaling(SAFE)), blind(LONG))
    assert outcome.replicas == 6
    words = "no answer, for 10 min or more; the last 24 h had 6 replicas at most"
    assert words in outcome.verdict.decisions[-1].reason
    assert outcome.verdict.metrics_message == f"{words}; none goes"


@pytest.mark.parametrize(
    ("view", "state"),
    [
        (samples.view(scaling=scaling(HOLD)), blind(LONG)),
        (samples.view(scaling=scaling(SAFE)), blind(LONG - 1)),
        (samples.view(scaling=scaling(SAFE)), blind(LONG, ago=PEAK_SECONDS + 1)),
        (samples.view(scaling=scaling(SAFE)), blind(LONG, most=1)),
        (samples.view(scaling=scaling(SAFE), pause=pause_of({PAUSE: "out"})), blind(LONG)),
        (samples.view(scaling=scaling(SAFE), pause=pause_of({PAUSE: "all"})), blind(LONG)),
    ],
    ids=["hold", "too soon", "too long ago", "fewer", "no more, by pause", "no change, by pause"],
)
def test_else_the_count_is_held(view: ServiceView, state: BalancerState) -> None:
    assert decided(view, state).replicas is None


def test_a_load_that_only_the_replicas_tell_is_no_loss() -> None:
    state = blind(LONG)
    told = replace(KNOWN, instead_of=GONE)
    outcome = decided(samples.view(scaling=scaling(SAFE)), state, told)
    assert outcome.replicas is None
    assert outcome.state.blind_since is None


def test_the_bounds_are_kept() -> None:
    assert decided(samples.view(scaling=scaling(SAFE)), blind(LONG, most=20)).replicas == 8


def test_only_free_gpus_are_taken_whatever_the_priority() -> None:
    safe = samples.view("a", scaling=scaling(SAFE, priority=9), pool=GPU, gpus=1)
    other = samples.view("b", replicas=3, pool=GPU, gpus=1)
    views = {view.key: view for view in (safe, other)}
    found = plan_round(
        views,
        {safe.key: GONE, other.key: replace(KNOWN, rates=Rates(short=120, long=120, before=120))},
        {safe.key: blind(LONG)},
        Budgets(pools={GPU: Budget(resource=GPU.resource, usable=6)}),
        now=NOW_S,
        settings=BalancerSettings(),
    )
    assert found[safe.key].replicas == 3
    assert found[other.key].replicas is None
    assert found[safe.key].verdict.budget_reason == "BudgetExhausted"


@over(
    st.lists(st.tuples(st.booleans(), st.integers(1, 8)), min_size=1, max_size=40),
    st.sampled_from([HOLD, SAFE]),
)
def test_while_nothing_is_known_nothing_goes_and_never_more_than_there_have_been(
    script: list[tuple[bool, int]], on_loss: str
) -> None:
    """Each step is five minutes; the count of a step where the load is known is somebody's."""
    state, count, most = BalancerState(), 1, 1
    for number, (known, there) in enumerate(script):
        count = there if known else count
        most = max(most, count)
        view = samples.view(replicas=count, scaling=scaling(on_loss))
        found = plan_round(
            {view.key: view},
            {view.key: KNOWN if known else GONE},
            {view.key: state},
            Budgets(),
            now=NOW_S + 300.0 * number,
            settings=BalancerSettings(),
        )[view.key]
        state = found.state
        if not known:
            after = count if found.replicas is None else found.replicas
            assert count <= after <= (most if on_loss == SAFE else count)
            count = after
