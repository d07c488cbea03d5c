"""Right or wrong, source model beside candidate: Tango's score test of a paired difference.

Tango, "Equivalence test and confidence interval for the difference in proportions for the
paired-sample design", Statistics in Medicine 17 (1998), 891-908. Unlike a bootstrap it does not
take "no sample was lost" for "no sample will be lost": without any loss the upper bound is
z² / (n + z²), about 3.8 / n at 97.5 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .normal import below, quantile

_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Discordance:
    """``lost``: the source model was right and the candidate wrong; ``won``: the other way."""

    samples: int
    lost: int
    won: int

    @property
    def drop(self) -> float:
        """Accuracy of the source model less that of the candidate."""
        return (self.lost - self.won) / self.samples


def score(seen: Discordance, drop: float) -> float:
    """Tango's statistic for "the true drop is ``drop``" (between -1 and 1, exclusive).

    Standard normal if it is; below zero where less was lost than that.
    """
    n, lost, won = seen.samples, seen.lost, seen.won
    linear = -lost - won + (2 * n - lost + won) * drop
    constant = -won * drop * (1 - drop)
    root = math.sqrt(max(0.0, linear**2 - 8 * n * constant))
    only_won = max(0.0, -drop, (root - linear) / (4 * n))
    variance = n * (2 * only_won + drop * (1 - drop))
    difference = lost - won - n * drop
    if variance <= 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(variance)


def p_value(seen: Discordance, margin: float) -> float:
    """How likely so small a loss would be if the true drop were ``margin``."""
    if abs(margin) >= 1:
        return 0.0 if margin > max(seen.drop, 0.0) else 1.0
    return below(score(seen, margin))


def bounds(seen: Discordance, confidence: float) -> tuple[float, float]:
    """Lower and upper bound of the true drop, each one-sided with this confidence."""
    z = quantile(confidence)
    return _where(seen, z, low=-1.0, high=seen.drop), _where(seen, -z, low=seen.drop, high=1.0)


def _where(seen: Discordance, wanted: float, *, low: float, high: float) -> float:
    """The drop at which the statistic, which falls with it, is ``wanted``; by bisection."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if score(seen, middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
