"""The profile's service time of any batch, from the batches that were measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from modelservice_runtime.contract.profile import ServicePoint


def service_milliseconds(points: Sequence[ServicePoint], batch: int) -> float | None:
    """Between the measured batches in a straight line, beyond them along the nearest one.

    None where that would be a guess: another batch than the only one that was measured, or a
    curve that is none.
    """
    usable = sorted((p for p in points if _is_time(p.milliseconds)), key=lambda p: p.batch)
    for point in usable:
        if point.batch == batch:
            return point.milliseconds
    pairs = [(a, b) for a, b in itertools.pairwise(usable) if a.batch < b.batch]
    if not pairs:
        return None
    low, high = next((pair for pair in pairs if batch < pair[1].batch), pairs[-1])
    slope = (high.milliseconds - low.milliseconds) / (high.batch - low.batch)
    value = low.milliseconds + slope * (batch - low.batch)
    return value if _is_time(value) else None


def _is_time(value: float) -> bool:
    return math.isfinite(value) and value > 0
