"""The channel ratio that removes a wanted share of the parameters. Pure: what prunes comes in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

#: More, and layers run dry.
MOST_CHANNELS = 0.95
_EVALUATIONS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``removed``: the share of the parameters that goes with ``channel_ratio``."""

    channel_ratio: float
    removed: float


def search(removed: Callable[[float], float], wanted: float, tolerance: float) -> Found:
    """The channel ratio whose removed share is nearest to ``wanted`` of those tried.

    ``removed``: channel ratio in (0, ``MOST_CHANNELS``] → share of the parameters, not falling.
    It is costly, so the first one that is within ``tolerance`` is taken, and it is called nine
    times at most; the first guess is right where both sides of every weight are pruned.
    """
    low, high = 0.0, MOST_CHANNELS
    ratio = min(1 - math.sqrt(1 - wanted), high)
    best: Found | None = None
    for _ in range(_EVALUATIONS):
        found = Found(channel_ratio=ratio, removed=removed(ratio))
        if best is None or _distance(found, wanted) < _distance(best, wanted):
            best = found
        if _distance(best, wanted) <= tolerance:
            break
        if found.removed < wanted:
            low = ratio
        else:
            high = ratio
        ratio = (low + high) / 2
    assert best is not None  # noqa: S101 - the loop ran
    return best


def _distance(found: Found, wanted: float) -> float:
    return abs(found.removed - wanted)
