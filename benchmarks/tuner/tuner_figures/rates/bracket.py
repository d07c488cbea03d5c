"""The highest rate that holds, found step by step. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

#: Each step halves the bracket (of logarithms): from a factor of 4 to 2 % in six.
FIRST_STEPS, NEXT_STEPS = 6, 5
#: Around the closed loop's rows per second; around what the repeat before found.
FIRST_SPREAD, NEXT_SPREAD = (0.3, 1.2), (0.75, 1.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """``low`` holds, or is taken to; ``high`` does not. ``tried``: how many rates were."""

    low: float
    high: float
    tried: int = 0

    @classmethod
    def around(cls, rate: float, spread: tuple[float, float]) -> Bracket:
        """Between two shares of ``rate``."""
        return cls(low=rate * spread[0], high=rate * spread[1])

    @property
    def next(self) -> float:
        """What to try."""
        return math.sqrt(self.low * self.high)

    def narrowed(self, *, holds: bool) -> Bracket:
        """After ``next`` was tried."""
        end = {"low": self.next} if holds else {"high": self.next}
        return replace(self, tried=self.tried + 1, **end)
