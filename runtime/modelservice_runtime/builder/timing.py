"""Timing calls, in a worker; joining the times of two engines, in the parent."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

_MAX_CALLS = 200


def repeat(call: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each of at least one call, until ``seconds`` are used up."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or (time.perf_counter() < end and len(taken) < _MAX_CALLS):
        begin = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begin) * 1e3)
    return taken


def settled(rounds: list[list[float]]) -> float:
    """The median of the rounds' medians: one disturbed round does not move it."""
    return median(median(taken) for taken in rounds)
