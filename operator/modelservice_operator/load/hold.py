"""A window over the last wishes: going down waits until all of them agree. Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: So many starts of a replica, but neither less nor more than these seconds.
STARTS, SHORTEST, LONGEST = 5.0, 120.0, 300.0


def hold_seconds(lead_seconds: float) -> float:
    """How long fewer replicas must have been enough: what takes long to bring back is kept."""
    return max(SHORTEST, min(STARTS * lead_seconds, LONGEST))


@dataclass(frozen=True, slots=True)
class HoldWindow:
    """(time, wish), oldest first. A value: recording gives a new one."""

    wishes: tuple[tuple[float, int], ...] = ()

    def record(self, wish: int, *, now: float, seconds: float) -> HoldWindow:
        """Add a wish; drop those older than ``seconds``, and all that later ones outdo.

        A wish that is followed by one as large says nothing any more.
        """
        kept = [item for item in self.wishes if now - seconds <= item[0] <= now]
        while kept and kept[-1][1] <= wish:
            kept.pop()
        return HoldWindow((*kept, (now, wish)))

    def largest(self) -> int:
        """The largest wish in the window, 0 when it is empty."""
        return self.wishes[0][1] if self.wishes else 0

    def until(self, wish: int, *, seconds: float) -> float | None:
        """When the last wish above ``wish`` leaves the window, None when there is none."""
        above = [at for at, other in self.wishes if other > wish]
        return above[-1] + seconds if above else None
