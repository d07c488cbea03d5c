"""How many replicas one service is to have, and why.

==========================  ====================================  =======================
case, the first that holds  count                                 balancer
==========================  ====================================  =======================
suspended                   0                                     off
scaling.replicas is set     that many, bounds or not              off
no Deployment yet           minReplicas                           waits
no profile yet              as now, within the bounds             waits
load not known              as now, within the bounds             holds
load above the capacity     as many as it takes, at once          up
load below it               the largest wish of the hold window   down, at most half a step
==========================  ====================================  =======================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from modelservice_operator.api.service import Decision
from modelservice_operator.api.spec import RECOMMEND, Scaling
from modelservice_operator.fleet import ServiceView, Verdict
from modelservice_operator.settings import BalancerSettings

from .hold import HoldWindow
from .samples import Load, LoadReading, NoData

#: At most half of the replicas go in one step, and steps are so far apart.
DOWN_STEP_SECONDS = 15
MAX_DECISIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerState:
    """What the next round needs to know of this one.

    Empty after a restart: nothing is lost but the hold window, which then starts with the
    current count.

    ``unheard_since``: since when the replicas answer and nothing is known of their load.
    """

    hold: HoldWindow = field(default_factory=HoldWindow)
    last_down: datetime | None = None
    unheard_since: datetime | None = None
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict for status, the count to set (None: leave it), the state for the next round."""

    verdict: Verdict
    replicas: int | None
    state: BalancerState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    count: int
    reason: str
    available: bool | None
    metrics_reason: str
    metrics_message: str
    state: BalancerState


def decide(
    view: ServiceView,
    reading: LoadReading,
    state: BalancerState,
    *,
    now: datetime,
    settings: BalancerSettings,
) -> Outcome:
    """One service's count; the table is in the module's docstring."""
    wish = _wish(view, reading, state, now, settings)
    state = wish.state
    before = view.replicas
    changes = before is not None and wish.count != before
    recommends = view.scaling.mode == RECOMMEND and view.scaling.replicas is None
    advice = recommends and not view.suspend
    if changes and before is not None:
        words = f"{wish.reason} (mode Recommend: not applied)" if advice else wish.reason
        decision = Decision(at=now, before=before, after=wish.count, reason=words)
        state = replace(state, decisions=_remember(state.decisions, decision))
    verdict = Verdict(
        desired=wish.count,
        reason=wish.reason,
        metrics_available=wish.available,
        metrics_reason=wish.metrics_reason,
        metrics_message=wish.metrics_message,
        decisions=state.decisions,
    )
    return Outcome(
        verdict=verdict, replicas=wish.count if changes and not advice else None, state=state
    )


def _remember(known: tuple[Decision, ...], new: Decision) -> tuple[Decision, ...]:
    """Add a decision; advice that is merely repeated each round is not a new one."""
    if known and (known[-1].before, known[-1].after) == (new.before, new.after):
        return known
    return (*known, new)[-MAX_DECISIONS:]


def _wish(
    view: ServiceView,
    reading: LoadReading,
    state: BalancerState,
    now: datetime,
    settings: BalancerSettings,
) -> _Wish:
    state = _unheard(view, reading, state, now)
    patience = timedelta(seconds=settings.metrics_stale_seconds)
    young = state.unheard_since is not None and now - state.unheard_since < patience
    available, reason, message = _metrics(view, reading, young=young)
    current = view.scaling.min_replicas if view.replicas is None else view.replicas
    bounded = _bounded(current, view.scaling)
    fixed = _fixed(view, bounded, reading)
    if fixed is not None or isinstance(reading, NoData) or not view.capacity_rows_per_second:
        count, words = fixed or (bounded, "held")
        return _Wish(
            count=count,
            reason=words,
            available=available,
            metrics_reason=reason,
            metrics_message=message,
            state=state,
        )
    count, words, state = _sized(view, reading, state, current=bounded, now=now, settings=settings)
    return _Wish(
        count=count,
        reason=words,
        available=available,
        metrics_reason=reason,
        metrics_message=message,
        state=state,
    )


def _unheard(
    view: ServiceView, reading: LoadReading, state: BalancerState, now: datetime
) -> BalancerState:
    """Remember since when nothing was heard of replicas that answer."""
    if not isinstance(reading, NoData) or view.ready_replicas == 0:
        return replace(state, unheard_since=None)
    return replace(state, unheard_since=state.unheard_since or now)


def _metrics(
    view: ServiceView, reading: LoadReading, *, young: bool
) -> tuple[bool | None, str, str]:
    if isinstance(reading, NoData) and view.ready_replicas == 0:
        return None, "NoReplicas", "no replica answers, so there is no load to read"
    if isinstance(reading, NoData):
        if reading.young and young:
            return None, "NotScrapedYet", f"{reading.message}; the replica count is held"
        return False, reading.reason, f"{reading.message}; the replica count is held"
    # No figure: it changes every round, and status would show one of long ago. See /metrics.
    words = "of every replica" if reading.complete else "of some replicas, so as a lower bound"
    return True, "LoadKnown", f"the load is known {words}"


def _fixed(view: ServiceView, bounded: int, reading: LoadReading) -> tuple[int, str] | None:
    """The count where load does not matter, and why."""
    if view.suspend:
        return 0, "spec.suspend is true"
    if view.scaling.replicas is not None:
        return view.scaling.replicas, "spec.scaling.replicas is set by hand; the balancer is off"
    bounds = f"minReplicas {view.scaling.min_replicas}, maxReplicas {view.scaling.max_replicas}"
    if view.replicas is None:
        return view.scaling.min_replicas, f"no Deployment yet; {bounds}"
    if view.capacity_rows_per_second is None:
        return bounded, f"not tuned yet, so the count is held within its bounds ({bounds})"
    if isinstance(reading, NoData):
        return bounded, f"{reading.message}, so the count is held within its bounds ({bounds})"
    return None


def _sized(
    view: ServiceView,
    load: Load,
    state: BalancerState,
    *,
    current: int,
    now: datetime,
    settings: BalancerSettings,
) -> tuple[int, str, BalancerState]:
    capacity = view.capacity_rows_per_second or 0.0
    wanted = replicas_for(load.rows_per_second, capacity, settings.utilization)
    wish = _bounded(wanted, view.scaling)
    hold = state.hold if state.hold.wishes else HoldWindow(((now, current),))
    hold = hold.record(wish, now=now, seconds=settings.scale_down_hold_seconds)
    state = replace(state, hold=hold)
    words = (
        f"{load.rows_per_second:.0f} rows/s offered, capacity {capacity:.0f} rows/s each"
        f" at {settings.utilization:.0%} utilization"
    )
    if wish != wanted:
        words += (
            f", {wanted} wanted, bounds {view.scaling.min_replicas} to {view.scaling.max_replicas}"
        )
    if wish >= current:
        return wish, words, state
    if not load.complete:
        return current, f"{words}; held: not every replica was heard of", state
    count = _step_down(current, max(wish, hold.largest()), state, now)
    if count < current:
        return count, words, replace(state, last_down=now)
    until = hold.until(wish, seconds=settings.scale_down_hold_seconds)
    when = f" until {until:%H:%M:%S} UTC" if until else ""
    return current, f"{words}; {wish} would do, held{when}", state


def _step_down(current: int, target: int, state: BalancerState, now: datetime) -> int:
    if state.last_down and now - state.last_down < timedelta(seconds=DOWN_STEP_SECONDS):
        return current
    return max(target, math.ceil(current / 2))


def replicas_for(rows_per_second: float, capacity: float, utilization: float) -> int:
    """Replicas that serve a load, each planned to ``utilization`` of its capacity; at least 1."""
    if capacity <= 0:
        return 1
    needed = rows_per_second / (capacity * utilization)
    # A sum of rates that lands on a whole number may miss it by a rounding error.
    return max(1, math.ceil(needed - 1e-9))


def _bounded(count: int, scaling: Scaling) -> int:
    return max(scaling.min_replicas, min(count, scaling.max_replicas))
