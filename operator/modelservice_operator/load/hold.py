"""A window over the last wishes: going down waits until all of them agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class HoldWindow:
    """(time, wish), oldest first. A value: recording gives a new one."""

    wishes: tuple[tuple[datetime, int], ...] = ()

    def record(self, wish: int, *, now: datetime, seconds: float) -> HoldWindow:
        """Add a wish; drop those older than ``seconds``, but keep one that old for its end."""
        edge = now - timedelta(seconds=seconds)
        kept = [item for item in self.wishes if edge <= item[0] <= now]
        return HoldWindow((*kept, (now, wish)))

    def largest(self) -> int:
        """The largest wish in the window, 0 when it is empty."""
        return max((wish for _, wish in self.wishes), default=0)

    def until(self, wish: int, *, seconds: float) -> datetime | None:
        """When the last wish above ``wish`` leaves the window, None when there is none."""
        above = [at for at, other in self.wishes if other > wish]
        return above[-1] + timedelta(seconds=seconds) if above else None
