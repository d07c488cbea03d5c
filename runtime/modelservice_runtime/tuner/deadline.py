"""The time limit of a tuning as a value; ``now`` (seconds, monotonic) comes in."""

from __future__ import annotations

from dataclasses import dataclass

#: Kept back to stop Triton and write the result before Kubernetes stops the pod without any.
RESERVE_SECONDS = 15.0
RESERVE_SHARE = 0.1
#: The search leaves the rest of the time to finding the capacity.
SEARCH_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """``end``: of measuring, on the monotonic clock. ``reserve``: seconds kept back after it."""

    began: float
    end: float
    reserve: float

    @classmethod
    def after(cls, duration_seconds: float, now: float) -> Deadline:
        """The deadline of a tuning that began at ``now``, the reserve already taken off."""
        reserve = min(RESERVE_SECONDS, duration_seconds * RESERVE_SHARE)
        return cls(began=now, end=now + duration_seconds - reserve, reserve=reserve)

    def for_search(self, share: float = 1.0) -> Deadline:
        """The part of it in which settings are searched, or the first ``share`` of that part."""
        end = self.began + (self.end - self.began) * SEARCH_SHARE * share
        return Deadline(began=self.began, end=end, reserve=self.reserve)

    def remaining(self, now: float) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.end - now)

    def alarm(self, now: float) -> float:
        """Seconds until even what takes no notice of the end has to be broken off."""
        return max(0.0, self.end + self.reserve / 2 - now)
