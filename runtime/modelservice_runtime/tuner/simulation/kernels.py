"""The batcher's inner loops, compiled. Arrays in, arrays out; seconds everywhere.

``service[l, b]``: of an execution of b rows whose longest request has the length l, counted from
the shortest; one line where nothing is said of lengths. ``executions``: likewise, added to.
``length``: of each request, None for nothing said: numba then leaves out what is about it.
``padded``: requests of different lengths may be one batch; if not, one of another length closes it.
``spread``: factors that stand for a time's distribution, drawn through ``draws`` (one number for
each execution, reused in turn). ``contention[m]``: by how much an execution is slower that begins
while m other instances execute. ``gap``: for each row of an execution, until the instance takes the
next one. ``luck``: numbers of 0 to 1, one for each execution, reused in turn: below ``overlooks``
the batcher sleeps on when an instance gets free for a request that waits, until something else
wakes it. A rejected request has the latency infinity.
Compiled code is kept in the folder that NUMBA_CACHE_DIR names.
"""

# One loop that the compiler sees whole; numba calls by position and finds the types itself.
# ruff: noqa: ANN001, ANN202, C901, FBT001, PLR0912, PLR0915, PLR0917
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from .overlooking import LOOKS_ITSELF

#: A piece of the loop: called as a function it would take the loop twice as long.
_part = njit(cache=True, nogil=True, inline="always")


@_part
def _oldest(arrival, order, heads, counts):
    """When the oldest request came that was not taken yet; infinity where there is none."""
    oldest = np.inf
    for level in range(len(counts)):
        if heads[level] < counts[level]:
            oldest = min(oldest, arrival[order[level, heads[level]]])
    return oldest


@_part
def _refuse(now, timeout, arrival, order, heads, counts, latency):
    """Whoever has waited too long goes; whether there was one."""
    refused = False
    for level in range(len(counts)):
        while heads[level] < counts[level]:
            request = order[level, heads[level]]
            if now - arrival[request] <= timeout:
                break
            latency[request] = np.inf
            heads[level] += 1
            refused = True
    return refused


@_part
def _woken(k, free, arrival, order, heads, counts):
    """When something wakes the batcher that slept on when instance ``k`` got free."""
    woken = free[k] + LOOKS_ITSELF
    for i in range(len(free)):
        if free[i] > free[k]:
            woken = min(woken, free[i])
    for level in range(len(counts)):
        place = heads[level]
        while place < counts[level] and arrival[order[level, place]] <= free[k]:
            place += 1
        if place < counts[level]:
            woken = min(woken, arrival[order[level, place]])
    return woken


def _open_loop(
    arrival: np.ndarray,
    rows: np.ndarray,
    length: np.ndarray | None,
    padded: bool,
    order: np.ndarray,
    counts: np.ndarray,
    service: np.ndarray,
    spread: np.ndarray,
    draws: np.ndarray,
    contention: np.ndarray,
    instances: int,
    gap: float,
    delay: float,
    timeout: float,
    overlooks: float,
    luck: np.ndarray,
    latency: np.ndarray,
    executions: np.ndarray,
) -> float:
    """Requests come when they come. Returns the seconds that instances were busy.

    ``order[l, :counts[l]]``: the requests of priority level l, oldest first. ``timeout``: of
    waiting, infinity for none.
    """
    largest = service.shape[1] - 1
    longest = 0
    levels = len(counts)
    heads = np.zeros(levels, np.int64)
    ends = np.zeros(levels, np.int64)
    free = np.zeros(instances)
    executing = np.zeros(instances)
    executed = 0
    busy = 0.0
    awake = 0.0
    while True:
        # The next one to be free, and the oldest request that waits for it.
        k = 0
        for i in range(1, instances):
            if free[i] < free[k]:
                k = i
        oldest = _oldest(arrival, order, heads, counts)
        if oldest == np.inf:
            return busy
        now = max(free[k], oldest, awake)
        if _refuse(now, timeout, arrival, order, heads, counts, latency):
            continue
        if oldest < free[k] and luck[executed % len(luck)] < overlooks:
            now = awake = max(now, _woken(k, free, arrival, order, heads, counts))
            _refuse(now, timeout, arrival, order, heads, counts, latency)
            oldest = _oldest(arrival, order, heads, counts)
            if oldest > now:
                continue
        deadline = oldest + delay
        total = 0
        while True:
            # Take what is there, level by level.
            total = 0
            longest = 0
            full = False
            following = np.inf
            for level in range(levels):
                end = heads[level]
                while end < counts[level] and not full:
                    request = order[level, end]
                    if arrival[request] > now:
                        following = min(following, arrival[request])
                        break
                    if total + rows[request] > largest:
                        full = True
                        break
                    if length is not None:
                        if total > 0 and not padded and length[request] != longest:
                            full = True
                            break
                        longest = max(longest, length[request])
                    total += rows[request]
                    end += 1
                    full = total == largest
                ends[level] = end
            if full or now >= deadline:
                break
            if following > deadline:
                now = deadline
                break
            now = following
        together = 0
        for i in range(instances):
            if i != k and executing[i] > now:
                together += 1
        spreading = spread[draws[executed % len(draws)]]
        seconds = service[longest, total] * spreading * contention[together]
        executed += 1
        executions[longest, total] += 1
        busy += seconds
        finish = now + seconds
        executing[k] = finish
        free[k] = finish + gap * total
        for level in range(levels):
            for place in range(heads[level], ends[level]):
                request = order[level, place]
                latency[request] = finish - arrival[request]
            heads[level] = ends[level]


def _closed_loop(
    clients: int,
    think: float,
    rows: np.ndarray,
    length: np.ndarray | None,
    padded: bool,
    service: np.ndarray,
    spread: np.ndarray,
    draws: np.ndarray,
    contention: np.ndarray,
    instances: int,
    gap: float,
    delay: float,
    latency: np.ndarray,
    executions: np.ndarray,
) -> tuple[float, float]:
    """Each client sends its next request ``think`` seconds after its answer, in turn of ``rows``.

    ``length``: in the same turn. Returns the seconds that it took until ``latency`` was full, and
    those that instances were busy.
    """
    largest = service.shape[1] - 1
    free = np.zeros(instances)
    executing = np.zeros(instances)
    arrival = np.zeros(clients)
    for client in range(clients):
        arrival[client] = think * client / clients
    asked = np.zeros(clients, np.int64)
    for client in range(clients):
        asked[client] = rows[client % len(rows)]
    longest = 0
    if length is not None:
        long = np.zeros(clients, np.int64)
        for client in range(clients):
            long[client] = length[client % len(length)]
    taken = np.zeros(clients, np.bool_)
    done = 0
    sent = clients
    executed = 0
    end = 0.0
    busy = 0.0
    while done < len(latency):
        k = 0
        for i in range(1, instances):
            if free[i] < free[k]:
                k = i
        oldest = np.min(arrival)
        now = max(free[k], oldest)
        deadline = oldest + delay
        total = 0
        while True:
            total = 0
            longest = 0
            full = False
            following = np.inf
            taken[:] = False
            while not full:
                # The oldest of those that wait.
                best = -1
                for client in range(clients):
                    if not taken[client] and (best < 0 or arrival[client] < arrival[best]):
                        best = client
                if best < 0:
                    break
                if arrival[best] > now:
                    following = arrival[best]
                    break
                if total + asked[best] > largest:
                    full = True
                    break
                if length is not None:
                    if total > 0 and not padded and long[best] != longest:
                        full = True
                        break
                    longest = max(longest, long[best])
                total += asked[best]
                taken[best] = True
                full = total == largest
            if full or now >= deadline:
                break
            if following > deadline:
                now = deadline
                break
            now = following
        together = 0
        for i in range(instances):
            if i != k and executing[i] > now:
                together += 1
        spreading = spread[draws[executed % len(draws)]]
        seconds = service[longest, total] * spreading * contention[together]
        executed += 1
        executions[longest, total] += 1
        busy += seconds
        finish = now + seconds
        executing[k] = finish
        free[k] = finish + gap * total
        for client in range(clients):
            if taken[client]:
                if done < len(latency):
                    latency[done] = finish - arrival[client]
                    done += 1
                    end = max(end, finish)
                arrival[client] = finish + think
                asked[client] = rows[sent % len(rows)]
                if length is not None:
                    long[client] = length[sent % len(length)]
                sent += 1
    return end, busy


#: Compiled at the first call, read from the cache at later ones.
open_loop: Callable[..., float] = njit(cache=True, nogil=True)(_open_loop)
closed_loop: Callable[..., tuple[float, float]] = njit(cache=True, nogil=True)(_closed_loop)
