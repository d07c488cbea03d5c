"""How long a replica takes from being asked for to answering, learned per service. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Before any was seen.
DEFAULT_SECONDS = 60.0
REMEMBERED = 10
QUANTILE = 0.9
#: What takes longer was in trouble (no place, a crash): it is no start time.
LONGEST_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """``seen``: seconds of the last starts, oldest first; image pull and model load included."""

    seen: tuple[float, ...] = ()

    def add(self, seconds: float) -> ColdStart:
        """Another replica became ready after as long."""
        if not 0 < seconds <= LONGEST_SECONDS:
            return self
        return ColdStart(seen=(*self.seen, seconds)[-REMEMBERED:])

    @property
    def seconds(self) -> float:
        """What nine of ten starts take at most."""
        if not self.seen:
            return DEFAULT_SECONDS
        ordered = sorted(self.seen)
        return ordered[math.ceil(QUANTILE * len(ordered)) - 1]
