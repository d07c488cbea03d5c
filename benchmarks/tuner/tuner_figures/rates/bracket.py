"""The highest rate that holds, found step by step. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

#: Each step halves the bracket (of logarithms): from a factor of 4 to 2 % in six.
FIRST_STEPS, NEXT_STEPS = 6, 4
#: Around the closed loop's rows per second; around what the repeat before found; of other traffic
#: around what was found for Poisson arrivals, which is easier to carry.
FIRST_SPREAD, NEXT_SPREAD, OTHER_SPREAD = (0.3, 1.2), (0.75, 1.25), (0.5, 1.1)
SINKING = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """``low`` holds, or (not ``held``) is only hoped to; ``high`` does not, or is feared not to.

    ``tried``: how many rates were.
    """

    low: float
    high: float
    tried: int = 0
    held: bool = False

    @classmethod
    def around(cls, rate: float, spread: tuple[float, float]) -> Bracket:
        """Between two shares of ``rate``."""
        return cls(low=rate * spread[0], high=rate * spread[1])

    @property
    def found(self) -> float:
        """The highest rate that was seen to hold; 0 if none was."""
        return self.low if self.held else 0.0

    @property
    def next(self) -> float:
        """What to try."""
        return math.sqrt(self.low * self.high)

    def narrowed(self, *, holds: bool) -> Bracket:
        """After ``next`` was tried. Hope sinks while nothing holds."""
        if holds:
            return replace(self, tried=self.tried + 1, low=self.next, held=True)
        low = self.low if self.held else self.low * SINKING
        return replace(self, tried=self.tried + 1, high=self.next, low=low)
