"""A share of samples, for example of those with the source model's answer: the exact binomial.

Clopper and Pearson, Biometrika 26 (1934), 404-413. Nothing is approximated, so the promised risk
is kept at every size; next to 1, where these shares lie, it even takes fewer samples than the
score interval of Wilson.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """``hits`` of ``samples``."""

    samples: int
    hits: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.hits / self.samples


def p_value(seen: Share, threshold: float) -> float:
    """How likely so many hits would be if the true share were only ``threshold``.

    ``threshold``: below 0 nothing needs a proof, at 1 or above nothing can prove it.
    """
    if threshold >= 1:
        return 1.0
    if threshold <= 0:
        return 1.0 if threshold == 0 and seen.hits == 0 else 0.0
    return _at_least(seen.hits, seen.samples, threshold)


def bounds(seen: Share, confidence: float) -> tuple[float, float]:
    """Lower and upper bound of the true share, each one-sided with this confidence."""
    n, hits = seen.samples, seen.hits
    return _lower(hits, n, confidence), 1 - _lower(n - hits, n, confidence)


def _lower(hits: int, n: int, confidence: float) -> float:
    low, high = 0.0, hits / n
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_least(hits, n, middle) > 1 - confidence:
            high = middle
        else:
            low = middle
    return low


def _at_least(hits: int, n: int, share: float) -> float:
    """The probability of ``hits`` or more of ``n`` at this share; the smaller tail is summed."""
    if hits == 0:
        return 1.0
    if share <= 0:
        return 0.0
    if hits > n * share:
        return min(1.0, _sum(hits, n, n, share))
    return max(0.0, 1 - _sum(0, hits - 1, n, share))


def _sum(first: int, last: int, n: int, share: float) -> float:
    """The probability of ``first`` … ``last`` hits, inclusive."""
    counts = np.arange(first, last + 1)
    # log of the first one, then the ratio of each to the one before it.
    start = (
        math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
        + first * math.log(share) + (n - first) * math.log1p(-share)
    )  # fmt: skip
    ratios = np.log((n - counts[:-1]) / counts[1:]) + math.log(share) - math.log1p(-share)
    logs = start + np.concatenate([[0.0], np.cumsum(ratios)])
    return float(np.exp(logs).sum())
