"""What load is to be expected when a replica asked for now is ready. Pure; rows a second.

The forecast is the present with half of its trend over the lead time. On top comes what forecasts
of the last hour fell short by, times a factor that the error budget sets: one rule for calm and for
bursty load, without a constant for either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Windows of the rate, seconds.
SHORT, LONG = 15.0, 60.0
#: So much of the trend is believed, over the lead time and a little more, at most so long.
TREND_SHARE = 0.5
TREND_EXTRA, TREND_MOST = 10.0, 90.0
#: Shortfalls are remembered for so long; this quantile of them is covered.
MEMORY_SECONDS = 3600.0
QUANTILE = 0.9
#: Until so many are known, and at least, as shares of the forecast.
ENOUGH, GUESS_SHARE, LEAST_SHARE = 24, 0.2, 0.03


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfalls:
    """By how much forecasts fell short of what came, over the last hour.

    ``made``: (when, rate then, forecast then) of the lead time that runs; ``short``: (when, by how
    much), oldest first.
    """

    made: tuple[tuple[float, float, float], ...] = ()
    short: tuple[tuple[float, float], ...] = ()

    def add(self, at: float, rate: float, forecast: float, lead_seconds: float) -> Shortfalls:
        """``rate``: now; ``forecast``: for ``lead_seconds`` later."""
        if self.made and at <= self.made[-1][0]:
            return self  # the clock went back, or has not moved
        due = at - (lead_seconds + TREND_EXTRA)
        past = [entry for entry in self.made if entry[0] <= due]
        running = tuple(entry for entry in self.made if entry[0] > due)
        short = tuple(item for item in self.short if item[0] >= at - MEMORY_SECONDS)
        if past:
            most = max(rate, *(seen for _, seen, _ in running)) if running else rate
            short = (*short, (at, max(0.0, most - past[-1][2])))
        return Shortfalls(made=(*running, (at, rate, forecast)), short=short)

    def margin(self, forecast: float) -> float:
        """What to add to a forecast so that it is mostly enough."""
        least = LEAST_SHARE * forecast
        if len(self.short) < ENOUGH:
            return max(least, GUESS_SHARE * forecast)
        ordered = sorted(amount for _, amount in self.short)
        return max(least, ordered[math.ceil(QUANTILE * len(ordered)) - 1])
