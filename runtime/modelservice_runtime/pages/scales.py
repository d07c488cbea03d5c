"""From values to places in a picture, and the round numbers beside the axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A line from ``low`` … ``high`` (values) to ``start`` … ``end`` (user units of the SVG)."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The place of ``value``; values outside are put to the edge."""
        inside = min(max(value, self.low), self.high)
        share = (self._of(inside) - self._of(self.low)) / (self._of(self.high) - self._of(self.low))
        return round(self.start + share * (self.end - self.start), 1)

    def outside(self, value: float) -> bool:
        """Whether ``at`` moves it to the edge."""
        return not self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Round values within the scale."""
        return log_ticks(self.low, self.high) if self.logarithmic else ticks(self.low, self.high)

    def _of(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


def spanning(values: Sequence[float], start: float, end: float, *, least: float = 0.0) -> Scale:
    """A linear scale over all values with a little air on both sides; at least ``least`` long."""
    low, high = min(values), max(values)
    high = max(high, low + least)
    air = 0.06 * (high - low) or 1.0
    return Scale(low=low - air, high=high + air, start=start, end=end)


def spanning_logs(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic scale over all values, each above zero."""
    return Scale(
        low=min(values) / 1.25, high=max(values) * 1.25, start=start, end=end, logarithmic=True
    )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` + 1 round values from ``low`` to ``high``."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * part for part in _ROUND if power * part >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; only the powers where those would be too many.

    Where none of them is within, round values at equal distances.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    parts = (1, 2, 5) if len(powers) <= 4 else (1,)  # noqa: PLR2004 - three decades
    found = [part * 10.0**power for power in powers for part in parts]
    return [value for value in found if low <= value <= high] or ticks(low, high)
