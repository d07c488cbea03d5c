"""The part of the story about load: raise it until replicas grow, lower it until they shrink."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from modelservice_harness.errors import HarnessError, WaitTimeout

from .loadpod import LoadPod
from .observe import LOOK_SECONDS, Observer
from .watch import View

#: Shares of one replica's measured capacity.
QUIET, FIRST_RAISE, STEP, MOST = 0.3, 1.3, 1.25, 3.0
_QUIET_SECONDS = 12.0
_RAISE_SECONDS = 40.0
_HOLD_SECONDS = 12.0
_GROW_DEADLINE = 300.0
_SHRINK_DEADLINE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Replicas before, at the most, and after; seconds each change took."""

    before: int
    most: int
    after: int
    grow_seconds: float
    shrink_seconds: float


def rates(capacity: float, replicas: int) -> list[float]:
    """The rates to try one after another, rows per second, for a service of ``replicas``."""
    factor, found = FIRST_RAISE, []
    while factor <= MOST:
        found.append(round(factor * capacity * replicas, 2))
        factor *= STEP
    return found


def run(observer: Observer, load: LoadPod, *, can_balance: bool) -> Outcome | None:
    """Play it; None where the cluster has no metrics and replicas cannot follow.

    Raises:
        WaitTimeout: replicas did not follow the load within their deadlines.
        HarnessError: the service has no measured capacity.
    """
    start = observer.view.ready
    capacity = observer.view.capacity
    if capacity is None:
        raise HarnessError("the service has no measured capacity, so no load can be chosen")
    observer.sampling = True
    _offer(observer, load, QUIET * capacity, "a little load")
    _watch_for(observer, _QUIET_SECONDS)
    if not can_balance:
        load.set_rate(0)
        return None
    began = time.monotonic()
    _grow(observer, load, capacity, start)
    grown = time.monotonic()
    _watch_for(observer, _HOLD_SECONDS)
    most = observer.view.ready
    _offer(observer, load, QUIET / 2 * capacity, "the load goes down")
    lowered = time.monotonic()
    observer.until(_settled(lambda n: n <= start), _SHRINK_DEADLINE, "fewer replicas")
    shrunk = time.monotonic()
    observer.step(f"replicas are back at {observer.view.ready}")
    _watch_for(observer, 3 * LOOK_SECONDS)
    load.set_rate(0)
    return Outcome(
        before=start,
        most=most,
        after=observer.view.ready,
        grow_seconds=grown - began,
        shrink_seconds=shrunk - lowered,
    )


def _grow(observer: Observer, load: LoadPod, capacity: float, start: int) -> None:
    """Raise step by step; more replicas have to be wanted and ready before the deadline."""
    end = time.monotonic() + _GROW_DEADLINE
    for rate in rates(capacity, start):
        _offer(observer, load, rate, "more load than the replicas can take")
        try:
            observer.until(lambda view: view.desired > start, _RAISE_SECONDS, "more replicas")
        except WaitTimeout:
            continue
        left = max(1.0, end - time.monotonic())
        observer.until(_settled(lambda n: n > start), left, "the new replicas to be ready")
        observer.step(f"{observer.view.ready} replicas are ready")
        return
    raise WaitTimeout(f"no new replica for {MOST:g} times the capacity")


def _settled(enough: Callable[[int], bool]) -> Callable[[View], bool]:
    return lambda view: view.desired == view.ready and enough(view.desired)


def _offer(observer: Observer, load: LoadPod, rate: float, why: str) -> None:
    load.set_rate(rate)
    observer.step(f"{why}: {rate:.0f} requests per second")


def _watch_for(observer: Observer, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        observer.look()
        time.sleep(LOOK_SECONDS)
