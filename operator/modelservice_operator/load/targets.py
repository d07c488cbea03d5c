"""What the GPUs that there are leave of a service's wish, and how that is said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import ROLLOUT_WAITS, ServiceView

from .budget import Budget
from .places import HOMELESS_SECONDS, homeless, surge_is_homeless, surge_placed
from .replicas import Wish, advises
from .sharing import Shares

#: What becomes of the last of its replicas while a rollout lasts.
_LENT = "one makes room for the new pod of the rollout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a service is to have in the end, and how the budget sees it.

    ``lends``: one of its replicas makes room for a rollout's new pod.
    """

    count: int
    lends: bool = False
    words: str = ""
    within: bool | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What there is to share: all GPUs of a pool, or a namespace's. ``words``: how many."""

    shares: Shares[ServiceKey]
    words: str


def tightest(key: ServiceKey, everything: Limit, limits: Mapping[ServiceKey, Limit]) -> Limit:
    """What keeps it from having more: the quota where that gives it no more than all do."""
    own = limits.get(key)
    if own is None or everything.shares.replicas[key] < own.shares.replicas[key]:
        return everything
    if key in everything.shares.waiting:
        return everything
    return own


def unknown_target(view: ServiceView, wish: Wish, budget: Budget, now: float) -> Target:
    """Without a known budget nothing grows beyond the minimum, and nothing is lost.

    A rollout's new pod that has waited too long gets the place of a replica, and that comes back.
    """
    now_has = view.replicas if view.replicas is not None else wish.count
    message = f"how many {budget.resource} there are is not known: {budget.why}; nothing grows"
    lent = wish.state.lent
    if view.surge and not lent and now_has > 1 and not wish.keeps and surge_is_homeless(view, now):
        words = f"{now_has} wanted, {now_has - 1} given: {_LENT}, for which there is no place"
        return Target(
            count=now_has - 1, lends=True, words=words, reason="BudgetUnknown", message=message
        )
    if lent and view.surge:
        return Target(count=min(wish.count, now_has), reason="BudgetUnknown", message=message)
    now_has = max(now_has + lent, min(wish.least, wish.count))
    return Target(
        count=min(wish.count, now_has),
        words="" if wish.count <= now_has else message,
        within=None,
        reason="BudgetUnknown",
        message=message,
    )


def target_of(view: ServiceView, wish: Wish, count: int, limit: Limit, now: float) -> Target:
    """``count``: what was given to it; ``limit``: what keeps it from more."""
    if advises(view):
        return Target(count=wish.count)
    if view.replicas is None:
        message = f"it asks for no {view.pool} before there is something to serve"
        return Target(count=wish.count, reason="NotDeployed", message=message)
    trouble = _misfit(view, wish, count, limit, now)
    if trouble is None and view.surge:
        trouble = _rolling(view, wish, count, limit, now)
    if trouble is not None:
        return trouble
    if count < wish.count:
        message = f"{wish.count} wanted, {count} given: {limit.words} are in use"
        return Target(
            count=count, words=message, within=False, reason="BudgetExhausted", message=message
        )
    message = f"{count * view.gpus} of {limit.words}"
    if view.surge:
        message += f", and {view.gpus} for the new pod of the rollout"
    return Target(count=count, within=True, reason="WithinBudget", message=message)


def _misfit(view: ServiceView, wish: Wish, count: int, limit: Limit, now: float) -> Target | None:
    """Replicas that there is no room for; None where there is."""
    if view.key in limit.shares.starved:
        message = (
            f"the {wish.least} replicas that it must have take {wish.least * view.gpus}"
            f" {view.pool}, and of {limit.words} not so many are left"
        )
        reason = "MinimumDoesNotFit"
    elif lost := homeless(view, now):
        message = (
            f"for {lost} of its replicas the scheduler has found no place for"
            f" {HOMELESS_SECONDS:.0f} s; their {view.pool} are given back"
        )
        reason = "Unschedulable"
    else:
        return None
    return Target(count=count, words=message, within=False, reason=reason, message=message)


def _rolling(view: ServiceView, wish: Wish, count: int, limit: Limit, now: float) -> Target | None:
    """A rollout whose new pod has no GPU of its own; None where it has one."""
    lends = view.key in limit.shares.lent
    if count < wish.count and (lends or wish.state.lent):
        message = f"{wish.count} wanted, {count} given: {_LENT}, since {limit.words} are in use"
        return Target(
            count=count,
            lends=lends,
            words=message,
            within=False,
            reason="GivenToRollout",
            message=message,
        )
    if view.key in limit.shares.waiting:
        message = (
            f"the rollout waits for a free GPU for the new pod: {view.gpus} needed,"
            f" {limit.shares.free} free of {limit.words}"
        )
        if wish.keeps and count > 1:
            message += f"; none of its own makes room, since {wish.keeps}"
        return Target(count=count, within=False, reason=ROLLOUT_WAITS, message=message)
    if surge_is_homeless(view, now) and not surge_placed(view):
        message = (
            f"for the new pod of the rollout the scheduler has found no place for"
            f" {HOMELESS_SECONDS:.0f} s"
        )
        return Target(count=count, within=False, reason="Unschedulable", message=message)
    return None
