"""The request path of many replicas, compiled: routing, a batcher each, counters.

Arrays in, arrays changed; seconds everywhere. A replica r has ``instances`` that execute one batch
each, and a queue of its own: a ring of arrival times. Rules as Triton has them: a free instance
takes what waits, up to the largest batch; who has waited longer than the time-out is refused. And
as Triton does it where there is a time-out (docs/tuning.md): where ``luck`` is below ``overlooks``,
a batcher sleeps on when an instance gets free for a request that waits, until ``awake``.
"""

# One loop that the compiler sees whole; numba calls by position and finds the types itself.
# ruff: noqa: ANN001, ANN202, C901, FBT001, PLR0912, PLR0917
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from modelservice_runtime.tuner.simulation.overlooking import LOOKS_ITSELF

#: Columns of the counters of a replica; ``WAITED``: seconds that requests stood in its queue.
SUCCESSES, FAILURES, LATE, WAITED = 0, 1, 2, 3
COLUMNS = 4

Function = TypeVar("Function", bound=Callable[..., object])


def _compiled(function: Function) -> Function:
    """Compiled where numba is; else as it stands, a hundred times slower."""
    try:
        from numba import njit  # noqa: PLC0415 - not wherever this is read
    except ImportError:
        return function
    return njit(cache=True, nogil=True)(function)


@_compiled
def _woken(r, k, queue, head, tail, free):
    """When something wakes the batcher of replica ``r`` that slept on when ``k`` got free."""
    room = queue.shape[1]
    woken = free[r, k] + LOOKS_ITSELF
    for i in range(free.shape[1]):
        if free[r, i] > free[r, k]:
            woken = min(woken, free[r, i])
    place = head[r]
    while place < tail[r] and queue[r, place % room] <= free[r, k]:
        place += 1
    if place < tail[r]:
        woken = min(woken, queue[r, place % room])
    return woken


@_compiled
def _work(
    r,
    until,
    queue,
    head,
    tail,
    free,
    flight,
    awake,
    counters,
    luck,
    overlooks,
    speed,
    service,
    timeout,
    goal,
):
    """Replica ``r`` takes batches that begin before ``until``, and hands out what is done."""
    room, largest = queue.shape[1], len(service) - 1
    while head[r] < tail[r]:
        k = 0
        for i in range(1, free.shape[1]):
            if free[r, i] < free[r, k]:
                k = i
        oldest = queue[r, head[r] % room]
        now = max(free[r, k], oldest, awake[r])
        if now >= until:
            break
        if flight[r, k] > 0:
            counters[r, SUCCESSES] += flight[r, k]
            flight[r, k] = 0
        if now - oldest > timeout:
            counters[r, FAILURES] += 1
            head[r] += 1
            continue
        if oldest < free[r, k] and luck[(head[r] + r) % len(luck)] < overlooks:
            now = max(now, _woken(r, k, queue, head, tail, free))
            if now >= until:
                break
            awake[r] = now
            while head[r] < tail[r] and now - queue[r, head[r] % room] > timeout:
                counters[r, FAILURES] += 1
                head[r] += 1
            if head[r] == tail[r] or queue[r, head[r] % room] > now:
                continue
        taken = 0
        while taken < largest and head[r] + taken < tail[r]:
            if queue[r, (head[r] + taken) % room] > now:
                break
            taken += 1
        finish = now + service[taken] * speed[r]
        for place in range(taken):
            came = queue[r, (head[r] + place) % room]
            counters[r, WAITED] += now - came
            if finish - came > goal:
                counters[r, LATE] += 1
        head[r] += taken
        free[r, k] = finish
        flight[r, k] = taken
    for i in range(free.shape[1]):
        if flight[r, i] > 0 and free[r, i] <= until:
            counters[r, SUCCESSES] += flight[r, i]
            flight[r, i] = 0


@_compiled
def _open(r, head, tail, flight):
    """Requests that replica ``r`` has and has not answered."""
    found = tail[r] - head[r]
    for i in range(flight.shape[1]):
        found += flight[r, i]
    return found


@_compiled
def advance(
    until: float,
    arrival: np.ndarray,
    chance: np.ndarray,
    first: int,
    last: int,
    pooled: bool,
    ready: np.ndarray,
    queue: np.ndarray,
    head: np.ndarray,
    tail: np.ndarray,
    free: np.ndarray,
    flight: np.ndarray,
    awake: np.ndarray,
    counters: np.ndarray,
    luck: np.ndarray,
    overlooks: float,
    live: np.ndarray,
    speed: np.ndarray,
    service: np.ndarray,
    timeout: float,
    goal: float,
) -> int:
    """Requests ``first`` … ``last`` - 1 come, all before ``until``; the replicas work until then.

    ``ready``: replicas that get requests, at random by ``chance``, or ``pooled``: each to the one
    with the fewest open ones. ``live``: that work. ``flight[r, i]``: requests in the batch that
    instance i executes, until ``free[r, i]``. Returns how many requests nobody was there for.
    """
    room = queue.shape[1]
    lost = 0
    many = len(ready)
    for number in range(first, last):
        if many == 0:
            lost += 1
            continue
        drawn = int(chance[number] * many)
        replica = ready[drawn]
        if pooled:
            fewest = room + 1
            for step in range(many):
                r = ready[(drawn + step) % many]
                _work(
                    r, arrival[number], queue, head, tail, free, flight, awake, counters, luck,
                    overlooks, speed, service, timeout, goal,
                )  # fmt: skip
                opened = _open(r, head, tail, flight)
                if opened < fewest:
                    replica, fewest = r, opened
        if tail[replica] - head[replica] >= room:
            counters[replica, FAILURES] += 1
            continue
        queue[replica, tail[replica] % room] = arrival[number]
        tail[replica] += 1
    for place in range(len(live)):
        _work(
            live[place], until, queue, head, tail, free, flight, awake, counters, luck, overlooks,
            speed, service, timeout, goal,
        )  # fmt: skip
    return lost
