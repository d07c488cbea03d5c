"""The time limit of a tuning as a value; ``now`` (seconds, monotonic) comes in."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import DEADLINE_EXCEEDED, OutOfTime

#: Kept back to stop Triton and write the result before Kubernetes stops the pod without any.
RESERVE_SECONDS = 15.0
RESERVE_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """``end`` on the monotonic clock; ``duration_seconds`` as it was given."""

    end: float
    duration_seconds: int

    @classmethod
    def after(cls, duration_seconds: int, now: float) -> Deadline:
        """The deadline of a tuning that began at ``now``, the reserve already taken off."""
        reserve = min(RESERVE_SECONDS, duration_seconds * RESERVE_SHARE)
        return cls(end=now + duration_seconds - reserve, duration_seconds=duration_seconds)

    def remaining(self, now: float) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.end - now)

    def check(self, now: float, needed: float, doing: str) -> None:
        """Stop if ``doing``, which takes ``needed`` seconds, would not end in time.

        Raises:
            OutOfTime: in words.
        """
        if self.remaining(now) < needed:
            raise OutOfTime(
                DEADLINE_EXCEEDED,
                f"the tuning did not end within {self.duration_seconds} s (next was {doing});"
                " lower spec.serving.maxBatchSize or give the operator's tuning more time",
            )
