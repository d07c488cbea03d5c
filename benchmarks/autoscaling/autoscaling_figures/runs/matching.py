"""What a controller costs at a share of violations, from several of its settings. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable


def cost_at(points: Iterable[tuple[float, float]], missed: float) -> float:
    """The cheapest with at most ``missed``; NaN where no setting has as few.

    ``points``: (violations, cost) of settings. Of those that nothing beats in both, two neighbours
    may be mixed: one for a part of the time, the other for the rest.
    """
    front: list[tuple[float, float]] = []
    for violations, cost in sorted(points):
        if not front or cost < front[-1][1]:
            front.append((violations, cost))
    front = _convex(front)
    if not front or front[0][0] > missed:
        return math.nan
    for (low, dear), (high, cheap) in itertools.pairwise(front):
        if low <= missed < high:
            return dear + (cheap - dear) * (missed - low) / (high - low)
    return front[-1][1]


def _convex(front: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without those that a mix of two others beats."""
    kept: list[tuple[float, float]] = []
    for point in front:
        while len(kept) > 1 and _beaten(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return kept


def _beaten(
    one: tuple[float, float], middle: tuple[float, float], other: tuple[float, float]
) -> bool:
    share = (middle[0] - one[0]) / (other[0] - one[0])
    return one[1] + share * (other[1] - one[1]) <= middle[1]


def geometric(values: Iterable[float]) -> float:
    """The geometric mean of those that are known; NaN where none is."""
    known = [value for value in values if math.isfinite(value) and value > 0]
    if not known:
        return math.nan
    return math.exp(math.fsum(math.log(value) for value in known) / len(known))
