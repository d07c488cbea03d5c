"""How many replicas one service is to have, and why. Pure.

==========================  ======================================  ======================
case, the first that holds  wish                                    balancer
==========================  ======================================  ======================
suspended                   0                                       off
scaling.replicas is set     that many, bounds or not                off
another autoscaler sets it  as now, bounds or not                   off
paused altogether           as now, bounds or not                   off
no Deployment yet           minReplicas                             waits
no profile that can be used as now, within the bounds               waits
load not known              as now, within the bounds; for long,    holds, or up
                            with onMetricsLoss Safe, the most of
                            the last day
load not from Prometheus,
or not of every replica     as now, or more                         holds or up
load above the capacity     as many as it takes, at once            up
load below it               the largest wish of the hold window     down, at most half
==========================  ======================================  ======================

A place that a replica has lent to a rollout's new pod counts as a replica of its own: the count
goes back when the rollout has ended. A pause of one side (api/pausing.py) leaves the other to the
rules. Load that is expected when a replica asked for now is ready counts, replicas that still load
count as present, and nothing goes down until three readings in a row were there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from modelservice_operator.api.capacity import trusted
from modelservice_operator.api.pausing import ALL, IN
from modelservice_operator.api.service import Decision
from modelservice_operator.api.spec import SAFE, Scaling
from modelservice_operator.fleet import ServiceView
from modelservice_operator.settings import BalancerSettings

from .cold_start import ColdStart
from .error_budget import ErrorBudget
from .forecast import TREND_EXTRA, Shortfalls, expected, planned
from .hold import HoldWindow, hold_seconds
from .reading import Load, LoadReading, NoData
from .season import Season
from .sizing import Demand, figure, size
from .worth import worth

#: So many readings in a row before anything goes down.
FRESH_READINGS = 3
MAX_DECISIONS = 5
#: With onMetricsLoss Safe: after so long without a load, the most replicas of so long before.
SAFE_AFTER_SECONDS, PEAK_SECONDS = 600.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerState:
    """What the next round needs to know of this one; times are POSIX seconds.

    ``unheard_since``: since when the replicas answer and nothing is known of their load.
    ``fresh``: readings in a row. ``started``: pods whose start was learned from. ``lent``: replicas
    whose place a rollout's new pod has until it has ended, 0 or 1. ``peak``: counts of the last
    day, while the load was known. ``blind_since``: since when replicas answer and neither source
    tells.
    """

    hold: HoldWindow = field(default_factory=HoldWindow)
    shortfalls: Shortfalls = field(default_factory=Shortfalls)
    care: ErrorBudget = field(default_factory=ErrorBudget)
    starts: ColdStart = field(default_factory=ColdStart)
    started: frozenset[str] = frozenset()
    fresh: int = 0
    last_down: float | None = None
    unheard_since: float | None = None
    lent: int = 0
    peak: HoldWindow = field(default_factory=HoldWindow)
    blind_since: float | None = None
    season: Season = field(default_factory=Season)
    decisions: tuple[Decision, ...] = ()

    def decided(self, decision: Decision) -> BalancerState:
        """Remember a decision; advice that is merely repeated each round is not a new one."""
        known = self.decisions
        if known and (known[-1].before, known[-1].after) == (decision.before, decision.after):
            return self
        return replace(self, decisions=(*known, decision)[-MAX_DECISIONS:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Whether the load is known, in the words of the condition MetricsAvailable."""

    available: bool | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one service is to have, if there is room.

    ``count``: the wish, the hold included; ``least``: what it must have. ``elastic``: it may be
    given less than the wish, and GPUs may be taken from it. ``utility``: what so many replicas
    are worth, 0 … 1. ``demand``: what the wish comes from, None where the load does not decide.
    ``keeps``: why none of its replicas may make room for a rollout's new pod; empty where one may.
    """

    count: int
    least: int
    reason: str
    metrics: Metrics
    state: BalancerState
    elastic: bool = False
    utility: Callable[[int], float] | None = None
    demand: Demand | None = None
    keeps: str = ""


def advises(view: ServiceView) -> bool:
    """Whether what is decided is only said, not done."""
    return view.scaling.only_advised and not view.suspend


def assess(
    view: ServiceView,
    reading: LoadReading,
    state: BalancerState,
    *,
    now: float,
    settings: BalancerSettings,
) -> Wish:
    """One service's wish; the table is in the module's docstring."""
    state = _learned(view, _unheard(view, reading, state, now))
    metrics = _metrics(view, reading, state, now, settings)
    current = view.scaling.min_replicas if view.replicas is None else view.replicas + state.lent
    bounded = within(current, view.scaling)
    fixed = _fixed(view, bounded)
    if fixed is not None:
        count, words = fixed
        keeps = _keeps_all(view, reading)
        return Wish(
            count=count, least=count, reason=words, metrics=metrics, state=state, keeps=keeps
        )
    if isinstance(reading, NoData):
        return _unread(view, reading, state, metrics, current=bounded, now=now)
    return _sized(view, reading, state, metrics, current=bounded, now=now, settings=settings)


def _unheard(
    view: ServiceView, reading: LoadReading, state: BalancerState, now: float
) -> BalancerState:
    """Remember since when nothing was heard of replicas that answer."""
    blind = isinstance(reading, NoData) and bool(view.ready)
    state = replace(state, blind_since=(state.blind_since or now) if blind else None)
    if isinstance(reading, Load) and reading.instead_of is None:
        return replace(state, unheard_since=None)
    if not view.ready:
        return replace(state, unheard_since=None, fresh=0)
    return replace(state, unheard_since=state.unheard_since or now, fresh=0)


def _learned(view: ServiceView, state: BalancerState) -> BalancerState:
    """Take in how long replicas took to start, each once."""
    starts = state.starts
    for pod in sorted(view.ready, key=lambda pod: pod.ready_at or 0.0):
        if pod.pod not in state.started and pod.ready_at is not None:
            starts = starts.add(pod.ready_at - pod.created_at)
    known = frozenset(pod.pod for pod in view.pods if pod.ready_at is not None)
    kept = state.started & frozenset(pod.pod for pod in view.pods)
    return replace(state, starts=starts, started=kept | known)


def _metrics(
    view: ServiceView,
    reading: LoadReading,
    state: BalancerState,
    now: float,
    settings: BalancerSettings,
) -> Metrics:
    # No figure: it changes every round, and status would show one of long ago. See /metrics.
    if isinstance(reading, Load):
        words = "of every replica" if reading.complete else "of some replicas, so as a lower bound"
        message = f"the load is known {words}, from {reading.source}"
        if reading.instead_of is None:
            return Metrics(available=True, reason="LoadKnown", message=message)
        message = f"{reading.instead_of.message}; {message}, on which none is taken away"
        reading = reading.instead_of
    else:
        safe = _safe_count(view, state, now)
        held = f"{reading.message}; the replica count is held"
        message = held if safe is None else f"{reading.message}, {_safe_words(safe)}; none goes"
    if not view.ready:
        message = "no replica answers, so there is no load to read"
        return Metrics(available=None, reason="NoReplicas", message=message)
    since = state.unheard_since
    if reading.young and since is not None and now - since < settings.metrics_stale_seconds:
        return Metrics(available=None, reason="NotScrapedYet", message=message)
    return Metrics(available=False, reason=reading.reason, message=message)


def _unread(
    view: ServiceView,
    reading: NoData,
    state: BalancerState,
    metrics: Metrics,
    *,
    current: int,
    now: float,
) -> Wish:
    """As many as now; or, where that was chosen and it lasts, as many as there have been.

    More is a wish that free GPUs alone may fulfil: nothing is taken for a load that nobody knows.
    """
    safe = _safe_count(view, state, now)
    words = f"{reading.message}, so the count is held within its bounds ({_bounds(view)})"
    count = current
    if safe is not None:
        words = f"{reading.message}, {_safe_words(safe)} (onMetricsLoss Safe, {_bounds(view)})"
        count, words = _paused(view, max(current, within(safe, view.scaling)), words)
    return Wish(
        count=max(current, count),
        least=current,
        reason=words,
        metrics=metrics,
        state=state,
        utility=lambda _: 1.0,
        keeps=_keeps_all(view, reading),
    )


def _safe_count(view: ServiceView, state: BalancerState, now: float) -> int | None:
    """The most replicas of the last day; None where those that there are have to do."""
    since = state.blind_since
    if view.scaling.on_metrics_loss != SAFE or since is None or now - since < SAFE_AFTER_SECONDS:
        return None
    counts = [count for at, count in state.peak.wishes if at >= now - PEAK_SECONDS]
    return max(counts, default=None)


def _safe_words(count: int) -> str:
    minutes, hours = SAFE_AFTER_SECONDS / 60, PEAK_SECONDS / 3600
    return f"for {minutes:.0f} min or more; the last {hours:.0f} h had {count} replicas at most"


def _bounds(view: ServiceView) -> str:
    return f"minReplicas {view.scaling.min_replicas}, maxReplicas {view.scaling.max_replicas}"


def _fixed(view: ServiceView, bounded: int) -> tuple[int, str] | None:
    """The count where load does not matter, and why."""
    if (said := _said_by_people(view)) is not None:
        return said
    if view.replicas is None:
        return view.scaling.min_replicas, f"no Deployment yet; {_bounds(view)}"
    if view.capacity is None:
        words = f"no usable profile yet, so the count is held within its bounds ({_bounds(view)})"
        return bounded, words
    return None


def _said_by_people(view: ServiceView) -> tuple[int, str] | None:
    if view.suspend:
        return 0, "spec.suspend is true"
    if view.rival and view.replicas is not None:
        return view.replicas, view.rival
    if view.scaling.replicas is not None:
        return view.scaling.replicas, "spec.scaling.replicas is set by hand; the balancer is off"
    if view.pause is not None and view.pause.side == ALL and view.replicas is not None:
        return view.replicas, f"paused ({view.pause.words})"
    return None


def _sized(
    view: ServiceView,
    load: Load,
    state: BalancerState,
    metrics: Metrics,
    *,
    current: int,
    now: float,
    settings: BalancerSettings,
) -> Wish:
    capacity = view.capacity
    assert capacity is not None  # noqa: S101 - _fixed has answered without one
    lead = state.starts.seconds
    season = state.season.add(now, load.rates.short) if load.complete else state.season
    floor = season.floor(now, lead + TREND_EXTRA)
    forecast = max(floor, expected(load.rates, lead))
    seconds = settings.scale_down_hold_seconds or hold_seconds(lead)
    state = replace(
        state,
        fresh=0 if load.instead_of else min(FRESH_READINGS, state.fresh + 1),
        shortfalls=state.shortfalls.add(
            now, load.rates.short, forecast, lead_seconds=lead, hold_seconds=seconds
        ),
        care=state.care.add(
            now,
            load.requests,
            load.violations,
            allowed=view.allowed,
            short=load.rates.short > trusted(view.speed) * capacity.of(len(view.ready)),
        ),
        peak=state.peak.record(current, now=now, seconds=PEAK_SECONDS),
        season=season,
    )
    care = state.care.factor
    demand = Demand(
        rate=load.rates.short,
        expected=forecast,
        planned=planned(forecast, state.shortfalls.margin(forecast, care), care),
        lead_seconds=lead,
        pending=load.pending,
    )
    wanted = size(demand, capacity, speed=view.speed, ready=len(view.ready), batch=view.batch)
    wish = within(wanted.replicas, view.scaling)
    # After a time without readings the present is the only thing that is known.
    hold = state.hold if state.fresh >= FRESH_READINGS else HoldWindow(((now, current),))
    hold = hold.record(wish, now=now, seconds=seconds)
    state = replace(state, hold=hold)
    words = wanted.words + (f" at {view.goal}" if view.goal else "")
    if floor > 0 and forecast == floor:
        words += f", {figure(floor)} of them as at this time before"
    if wish != wanted.replicas:
        bounds = f"bounds {view.scaling.min_replicas} to {view.scaling.max_replicas}"
        words += f", {wanted.replicas} wanted, {bounds}"
    count, words = _held(load, state, wish, words, current=current, seconds=seconds)
    count, words = _paused(view, count, words)
    slow = max(load.rates.long, load.rates.short)
    return Wish(
        count=count,
        least=max(view.scaling.min_replicas, min(count, current) if _keeps(view, load) else 0),
        reason=words,
        metrics=metrics,
        state=state,
        elastic=True,
        utility=worth(
            demand, capacity, slow=slow, spread=state.shortfalls.margin(forecast), speed=view.speed
        ),
        demand=demand,
        keeps=_keeps_all(view, load),
    )


def _held(
    load: Load, state: BalancerState, wish: int, words: str, *, current: int, seconds: float
) -> tuple[int, str]:
    """The wish, or what is kept beyond it, and why."""
    if wish >= current:
        return wish, words
    if load.instead_of is not None:
        return current, f"{words}; held: {load.instead_of.message}"
    if not load.complete:
        return current, f"{words}; held: not every replica was heard of"
    if state.fresh < FRESH_READINGS:
        return current, f"{words}; held until the load was read {FRESH_READINGS} times"
    kept = min(current, max(wish, state.hold.largest()))
    until = state.hold.until(wish, seconds=seconds)
    if kept > wish and until is not None:
        words += f"; {wish} would do, {kept} held until {_clock(until)}"
    return kept, words


def _paused(view: ServiceView, count: int, words: str) -> tuple[int, str]:
    """What the people's pause leaves of the wish. Beyond the bounds nothing is kept."""
    now_has = view.replicas
    if view.pause is None or now_has is None:
        return count, words
    kept = max(count, now_has) if view.pause.side == IN else min(count, now_has)
    kept = within(kept, view.scaling)
    return kept, words if kept == count else f"{words}; {count} wanted, paused ({view.pause.words})"


def _keeps(view: ServiceView, load: Load) -> bool:
    """Whether no GPU may be taken from it."""
    return not load.firm or (view.pause is not None and view.pause.side == IN)


def _keeps_all(view: ServiceView, reading: LoadReading) -> str:
    """Why no replica of it may make room for a rollout's new pod; empty where one may."""
    if view.rival:
        return "another autoscaler sets its replicas"
    if view.pause is not None and view.pause.side in {IN, ALL}:
        return f"it is paused ({view.pause.words})"
    if advises(view):
        return "spec.scaling.mode is Recommend"
    if view.ready and not (isinstance(reading, Load) and reading.firm):
        return "its load is not surely known"
    return ""


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=UTC):%H:%M:%S} UTC"


def within(count: int, scaling: Scaling) -> int:
    """``count``, within the bounds."""
    return max(scaling.min_replicas, min(count, scaling.max_replicas))
