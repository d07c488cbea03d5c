"""The request path of many replicas, compiled: routing, a batcher each, counters.

Arrays in, arrays changed; seconds everywhere. A replica r has ``instances`` that execute one batch
each, and a queue of its own: a ring of arrival times. Rules as Triton has them: a free instance
takes what waits, up to the largest batch; who has waited longer than the time-out is refused.
"""

# One loop that the compiler sees whole; numba calls by position and finds the types itself.
# ruff: noqa: PLR0917, PLR0913
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Columns of the counters of a replica; ``WAITED``: seconds that requests stood in its queue.
SUCCESSES, FAILURES, LATE, WAITED = 0, 1, 2, 3
COLUMNS = 4


def _advance(
    until: float,
    arrival: np.ndarray,
    chance: np.ndarray,
    first: int,
    last: int,
    ready: np.ndarray,
    queue: np.ndarray,
    head: np.ndarray,
    tail: np.ndarray,
    free: np.ndarray,
    flight: np.ndarray,
    counters: np.ndarray,
    live: np.ndarray,
    speed: np.ndarray,
    service: np.ndarray,
    timeout: float,
    goal: float,
) -> int:
    """Requests ``first`` … ``last`` - 1 come, all before ``until``; the replicas work until then.

    ``ready``: replicas that get requests, at random by ``chance``; ``live``: that work.
    ``flight[r, i]``: requests in the batch that instance i executes, until ``free[r, i]``.
    Returns how many requests nobody was there for.
    """
    room = queue.shape[1]
    lost = 0
    many = len(ready)
    for number in range(first, last):
        if many == 0:
            lost += 1
            continue
        replica = ready[int(chance[number] * many)]
        if tail[replica] - head[replica] >= room:
            counters[replica, FAILURES] += 1
            continue
        queue[replica, tail[replica] % room] = arrival[number]
        tail[replica] += 1
    largest = len(service) - 1
    for place in range(len(live)):
        r = live[place]
        while True:
            k = 0
            for i in range(1, free.shape[1]):
                if free[r, i] < free[r, k]:
                    k = i
            if head[r] == tail[r]:
                break
            oldest = queue[r, head[r] % room]
            now = max(free[r, k], oldest)
            if now >= until:
                break
            if flight[r, k] > 0:
                counters[r, SUCCESSES] += flight[r, k]
                flight[r, k] = 0
            if now - oldest > timeout:
                counters[r, FAILURES] += 1
                head[r] += 1
                continue
            taken = 0
            while taken < largest and head[r] + taken < tail[r]:
                if queue[r, (head[r] + taken) % room] > now:
                    break
                taken += 1
            finish = now + service[taken] * speed[r]
            for place_in in range(taken):
                came = queue[r, (head[r] + place_in) % room]
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
    return lost


def _compiled() -> Callable[..., int]:
    """Compiled where numba is; else as it stands, a hundred times slower."""
    try:
        from numba import njit  # noqa: PLC0415 - not wherever this is read
    except ImportError:
        return _advance
    return njit(cache=True, nogil=True)(_advance)


advance: Callable[..., int] = _compiled()
