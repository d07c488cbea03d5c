"""One round over all services: wishes, what the GPUs allow, and the step that is due. Pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from modelservice_operator.api.service import Decision, ServiceKey
from modelservice_operator.fleet import Outlook, Pool, ServiceView, Verdict
from modelservice_operator.settings import BalancerSettings

from .budget import Budget
from .gpus import Budgets
from .leaving import Marks, marks
from .places import homeless, surge_is_homeless, surge_placed
from .reading import Load, LoadReading, NoData
from .replicas import BalancerState, Wish, advises, assess
from .sharing import Bid, Move, share
from .targets import Limit, Target, target_of, tightest, unknown_target

NOT_READ = NoData(reason="NotRead", message="the load was not read")
#: At most half of the replicas go in one step, and steps are so far apart.
DOWN_STEP_SECONDS = 15.0
#: A replica is given to equals no sooner than so many of its starts after it was asked for.
SETTLING_STARTS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict for status, the count to set (None: leave it), the state for the next round.

    ``marks``: to be made before the count is set.
    """

    verdict: Verdict
    replicas: int | None
    state: BalancerState
    marks: Marks = field(default_factory=Marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Free:
    """GPUs that nobody holds now, of a pool or of a namespace's quota; not there: not known."""

    left: dict[tuple[Pool, str], int]

    @classmethod
    def now(cls, views: Iterable[ServiceView], budgets: Budgets) -> _Free:
        """What the budgets leave beside what is held, on the way out too."""
        left = {(pool, ""): budget.usable for pool, budget in budgets.pools.items()}
        left |= {place: budget.usable for place, budget in budgets.namespaces.items()}
        known = {place: many for place, many in left.items() if many is not None}
        for view in views:
            for place in _places(view):
                if place in known:
                    known[place] -= view.held * view.gpus
        return cls(left=known)

    def replicas(self, view: ServiceView) -> int:
        """How many more of it there is room for."""
        rooms = [self.left[place] for place in _places(view) if place in self.left]
        return max(0, min(rooms)) // view.gpus if rooms else sys.maxsize

    def take(self, view: ServiceView, replicas: int) -> None:
        """They are given to it."""
        for place in _places(view):
            if place in self.left:
                self.left[place] -= replicas * view.gpus


def _places(view: ServiceView) -> tuple[tuple[Pool, str], ...]:
    """Where what it holds is counted."""
    return () if view.pool is None else ((view.pool, ""), (view.pool, view.key.namespace))


def plan_round(
    views: Mapping[ServiceKey, ServiceView],
    readings: Mapping[ServiceKey, LoadReading],
    states: Mapping[ServiceKey, BalancerState],
    budgets: Budgets,
    *,
    now: float,
    settings: BalancerSettings,
) -> dict[ServiceKey, Outcome]:
    """What to do about each service. A service without a reading is held."""
    wishes = {
        key: assess(
            view,
            readings.get(key, NOT_READ),
            states.get(key, BalancerState()),
            now=now,
            settings=settings,
        )
        for key, view in views.items()
    }
    targets = {key: Target(count=wish.count) for key, wish in wishes.items()}
    for pool in sorted({view.pool for view in views.values() if view.pool}):
        users = {key: view for key, view in views.items() if view.pool == pool}
        targets |= _shared(users, wishes, budgets, pool, now)
    free = _Free.now(views.values(), budgets)
    outcomes: dict[ServiceKey, Outcome] = {}
    # Who comes first takes of what is free now; the others wait until donors have left.
    for key in sorted(views, key=lambda key: (-views[key].scaling.priority, str(key))):
        view = views[key]
        outcome = _outcome(view, wishes[key], targets[key], free, now)
        reading = readings.get(key)
        queues = reading.queues if isinstance(reading, Load) else {}
        outcomes[key] = replace(outcome, marks=marks(view, outcome.replicas, queues))
    return {key: outcomes[key] for key in views}


def _budget(budgets: Budgets, pool: Pool) -> Budget:
    unread = Budget(resource=pool.resource, usable=None, why="it was not read yet")
    return budgets.pools.get(pool, unread)


def _shared(
    users: Mapping[ServiceKey, ServiceView],
    wishes: Mapping[ServiceKey, Wish],
    budgets: Budgets,
    pool: Pool,
    now: float,
) -> dict[ServiceKey, Target]:
    """What the GPUs of one pool allow: those of a namespace's quota first, then all."""
    budget = _budget(budgets, pool)
    total = budget.usable
    if total is None:
        return {key: unknown_target(view, wishes[key], budget, now) for key, view in users.items()}
    bids = [_bid(view, wishes[key], now) for key, view in users.items()]
    limits: dict[ServiceKey, Limit] = {}
    for namespace in sorted({key.namespace for key in users}):
        quota = budgets.namespaces.get((pool, namespace))
        if quota is not None and quota.usable is not None:
            own = [bid for bid in bids if bid.name.namespace == namespace]
            shared = share(own, quota.usable)
            words = f"the {quota.usable} {pool.resource} of the quota of namespace {namespace}"
            limits |= {bid.name: Limit(shares=shared, words=words) for bid in own}
    bids = [_limited(bid, limits.get(bid.name)) for bid in bids]
    shares = share(bids, total)
    moved = _moved(shares.moves, users)
    everything = Limit(shares=shares, words=f"all {total} {pool}")
    targets = {
        key: target_of(
            view, wishes[key], shares.replicas[key], tightest(key, everything, limits), now
        )
        for key, view in users.items()
    }
    return {
        key: replace(target, words="; ".join(filter(None, (target.words, moved.get(key)))))
        for key, target in targets.items()
    }


def _bid(view: ServiceView, wish: Wish, now: float) -> Bid[ServiceKey]:
    now_has = view.replicas or 0
    # What is only advised is not done, and before there is a Deployment nothing can be.
    only_said = advises(view) or view.replicas is None
    most = now_has if only_said else wish.count
    if lost := homeless(view, now):
        most = min(most, max(wish.least, now_has - lost))
    least = now_has if only_said else min(wish.least, most)
    lent = min(view.surge, wish.state.lent)
    return Bid(
        name=view.key,
        gpus=view.gpus,
        now=now_has,
        # What is lent is not missed: it would be asked back at once.
        least=max(min(1, least), least - lent),
        wish=most,
        priority=view.scaling.priority,
        utility=wish.utility or (lambda replicas: min(1.0, replicas / max(1, most))),
        surge=view.surge,
        placed=max(lent, surge_placed(view)),
        lends=not wish.keeps and not lent,
        homeless=surge_is_homeless(view, now),
        settled=_settled(view, now, SETTLING_STARTS * wish.state.starts.seconds),
    )


def _settled(view: ServiceView, now: float, seconds: float) -> bool:
    """Whether none of its replicas was asked for in the last ``seconds``."""
    return all(pod.leaving or pod.created_at <= now - seconds for pod in view.pods)


def _limited(bid: Bid[ServiceKey], limit: Limit | None) -> Bid[ServiceKey]:
    """The same, wishing for no more than its namespace's quota gives it."""
    if limit is None:
        return bid
    most = limit.shares.replicas[bid.name]
    return replace(
        bid,
        wish=min(bid.wish, most),
        least=min(bid.least, most),
        surge=0 if bid.name in limit.shares.waiting else bid.surge,
        lends=bid.lends and bid.name not in limit.shares.lent,
    )


def _moved(
    moves: Iterable[Move[ServiceKey]], views: Mapping[ServiceKey, ServiceView]
) -> dict[ServiceKey, str]:
    """``2 nvidia.com/gpu taken from ns/batch-tagger (priority 10)``, and so for who gives."""
    sums: dict[tuple[ServiceKey, ServiceKey], int] = {}
    for move in moves:
        if move.donor is not None:
            pair = (move.donor, move.receiver)
            sums[pair] = sums.get(pair, 0) + move.gpus
    words: dict[ServiceKey, list[str]] = {}
    for (donor, receiver), gpus in sums.items():
        what = f"{gpus} {views[donor].pool}"
        words.setdefault(receiver, []).append(f"{what} taken from {_ranked(views[donor])}")
        words.setdefault(donor, []).append(f"{what} given to {_ranked(views[receiver])}")
    return {key: "; ".join(lines) for key, lines in words.items()}


def _ranked(view: ServiceView) -> str:
    return f"{view.key} (priority {view.scaling.priority})"


def _outcome(view: ServiceView, wish: Wish, target: Target, free: _Free, now: float) -> Outcome:
    reason = f"{wish.reason}; {target.words}" if target.words else wish.reason
    state, before = wish.state, view.replicas
    count = target.count
    if before is not None and count > before and state.lent and not view.surge:
        reason += "; the rollout has ended"
    if before is not None and count < before and wish.elastic:
        count = _step_down(before, count, state, now)
    elif before is not None and count > before and view.gpus:
        room = free.replicas(view)
        if room < count - before:
            reason += "; waits until as many are free" if room == 0 else ""
        count = min(count, before + room)
        free.take(view, count - before)
    changes = before is not None and count != before
    if changes and before is not None:
        words = f"{reason} (mode Recommend: not applied)" if advises(view) else reason
        at = datetime.fromtimestamp(now, tz=UTC)
        state = state.decided(Decision(at=at, before=before, after=count, reason=words))
        if count < before:
            state = replace(state, last_down=now)
    state = replace(state, lent=_lent(view, wish, target, count))
    verdict = Verdict(
        desired=count,
        reason=reason,
        metrics_available=wish.metrics.available,
        metrics_reason=wish.metrics.reason,
        metrics_message=wish.metrics.message,
        decisions=state.decisions,
        within_budget=target.within,
        budget_reason=target.reason,
        budget_message=target.message,
        outlook=_outlook(wish),
    )
    return Outcome(
        verdict=verdict,
        replicas=count if changes and not advises(view) else None,
        state=state,
    )


def _lent(view: ServiceView, wish: Wish, target: Target, count: int) -> int:
    """Replicas whose place a rollout's new pod has from now on."""
    before = view.replicas
    if before is None or advises(view):
        return 0
    if count < before and target.lends:
        return 1
    came_back, not_missed = count > before, wish.count <= before
    return 0 if came_back or not_missed else wish.state.lent


def _outlook(wish: Wish) -> Outlook | None:
    demand = wish.demand
    return Outlook(expected=demand.expected, planned=demand.planned) if demand else None


def _step_down(current: int, target: int, state: BalancerState, now: float) -> int:
    if state.last_down is not None and 0 <= now - state.last_down < DOWN_STEP_SECONDS:
        return current
    return max(target, math.ceil(current / 2))
