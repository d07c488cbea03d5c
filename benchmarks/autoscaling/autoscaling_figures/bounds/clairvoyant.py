"""The fewest GPU-seconds for a need known in advance, level by level.

Needed replicas of each bin; a replica that is started costs its start, so gaps shorter than that
are kept filled. Optimal for the given need: each level (the second replica, the third …) is a
question of its own.
"""

from __future__ import annotations

import numpy as np


def clairvoyant(need: np.ndarray, bin_seconds: float, start_seconds: float) -> float:
    """GPU-seconds. ``need``: replicas by bin, at least one."""
    total = 0.0
    for level in range(1, int(need.max()) + 1):
        needed = need >= level
        total += float(needed.sum()) * bin_seconds
        edges = np.flatnonzero(np.diff(needed.astype(np.int8), prepend=0, append=0))
        begins, ends = edges[::2], edges[1::2]
        gaps = (begins[1:] - ends[:-1]) * bin_seconds
        total += float(np.minimum(gaps, start_seconds).sum())
        if not needed[0]:
            total += start_seconds
    return total


def fluid(rate: np.ndarray, bin_seconds: float, full: float) -> float:
    """GPU-seconds if a part of a replica were to be had."""
    return float(np.maximum(1.0, rate / full).sum() * bin_seconds)
