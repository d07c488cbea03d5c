"""Axes for a picture: values to pixels, and round numbers to label them with. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Below this there is nothing to label.
_NOTHING = 1e-9
_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Maps ``0 … high`` to ``start … end`` (pixels; ``end`` may be the smaller one)."""

    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of ``value``, rounded for short SVG text."""
        share = value / self.high if self.high else 0.0
        return round(self.start + (self.end - self.start) * share, 1)


def round_step(high: float, most: int) -> float:
    """The smallest step of the form 1, 2, 2.5 or 5 times 10ⁿ that needs at most ``most`` ticks."""
    if high < _NOTHING:
        return 1.0
    raw = high / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _ROUND_STEPS if step * power >= raw * (1 - 1e-9))


def ticks(high: float, most: int = 5) -> list[float]:
    """Round values from 0 to the first that is at least ``high``."""
    step = round_step(high, most)
    count = max(1, math.ceil(high / step - 1e-9))
    return [round(step * index, 10) for index in range(count + 1)]


def number(value: float) -> str:
    """``2.0`` → ``2``, ``2.50`` → ``2.5``."""
    return f"{value:g}"


def minutes(seconds: float) -> str:
    """``150`` → ``2:30``."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
