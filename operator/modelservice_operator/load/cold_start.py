"""How long a replica takes from being asked for to answering, learned per service. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Before any was seen, and at least until so many were: the first ones start on machines that have
#: nothing else to do, and take a third of what the same replica takes beside others under load.
DEFAULT_SECONDS, ENOUGH = 60.0, 3
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
        if len(self.seen) < ENOUGH:
            return max((DEFAULT_SECONDS, *self.seen))
        ordered = sorted(self.seen)
        return ordered[math.ceil(QUANTILE * len(ordered)) - 1]
