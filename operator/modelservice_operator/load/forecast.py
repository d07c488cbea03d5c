"""What load is to be expected when a replica asked for now is ready. Pure; rows a second.

The forecast is the present with half of its trend over the lead time. On top comes a quantile of
what forecasts of the last hour fell short by, and which one the error budget says: one rule for
calm and for bursty load, without a constant for either. A forecast stands as long as the replicas
that it asked for are held, so one that was made during a burst does not fall short of the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Windows of the rate, seconds.
SHORT, LONG = 15.0, 60.0
#: So much of the trend is believed, over the lead time and a little more, at most so long.
TREND_SHARE = 0.5
TREND_EXTRA, TREND_MOST = 10.0, 90.0
#: Shortfalls are remembered for so long; of them this quantile is covered, at a care of 1.
MEMORY_SECONDS = 3600.0
QUANTILE = 0.9
#: The margin is one of so many evenly spread ones: those that outlive the operator.
QUANTILES = 60
#: Below this care the plan itself is made smaller.
EASY = 0.25
#: Until so many are known, and at least, as shares of the forecast.
ENOUGH, GUESS_SHARE, LEAST_SHARE = 24, 0.2, 0.03
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Offered rows a second: mean of the last 15 s, of the last 60 s, and of the 60 s before."""

    short: float
    long: float
    before: float


def expected(rates: Rates, lead_seconds: float) -> float:
    """The load in ``lead_seconds``."""
    slope = (rates.long - rates.before) / LONG
    ahead = min(lead_seconds + TREND_EXTRA, TREND_MOST)
    return max(rates.short, rates.long) + TREND_SHARE * max(0.0, slope) * ahead


def planned(forecast: float, margin: float, care: float) -> float:
    """The load to have replicas for."""
    return (forecast + margin) * min(1.0, math.sqrt(care / EASY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfalls:
    """By how much forecasts fell short of what came, over the last hour.

    ``made``: (when, rate then, forecast then) of the lead time that runs, and of those before it
    whose replicas are still held; ``short``: (when, by how much), oldest first.
    """

    made: tuple[tuple[float, float, float], ...] = ()
    short: tuple[tuple[float, float], ...] = ()

    def add(
        self, at: float, rate: float, forecast: float, *, lead_seconds: float, hold_seconds: float
    ) -> Shortfalls:
        """``rate``: now; ``forecast``: for ``lead_seconds`` later, held for ``hold_seconds``."""
        if self.made and at <= self.made[-1][0]:
            return self  # the clock went back, or has not moved
        due = at - (lead_seconds + TREND_EXTRA)
        made = tuple(entry for entry in self.made if entry[0] > due - hold_seconds)
        short = tuple(item for item in self.short if item[0] >= at - MEMORY_SECONDS)
        standing = [foreseen for when, _, foreseen in made if when <= due]
        if standing:
            came = max([rate, *(seen for when, seen, _ in made if when > due)])
            short = (*short, (at, max(0.0, came - max(standing))))
        return Shortfalls(made=(*made, (at, rate, forecast)), short=short)

    def margin(self, forecast: float, care: float = 1.0) -> float:
        """What to add to a forecast so that it is mostly enough: the more care, the more often."""
        least = LEAST_SHARE * forecast
        if len(self.short) < ENOUGH:
            return max(least, GUESS_SHARE * forecast)
        covered = max(0.0, 1.0 - (1.0 - QUANTILE) / care)
        number = max(1, math.ceil(covered * QUANTILES - _ROUNDING))
        ordered = sorted(amount for _, amount in self.short)
        return max(least, ordered[-(-number * len(ordered) // QUANTILES) - 1])
