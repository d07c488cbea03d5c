"""The time limit of a build as a value; ``now`` (seconds, monotonic) comes in."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import DEADLINE_EXCEEDED, OutOfTime

#: Kept back to say in words that time ran out before Kubernetes stops the pod without any.
RESERVE_SECONDS = 15.0
RESERVE_SHARE = 0.1
#: A function that hangs must not use up what export and parity need.
ENTRYPOINT_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """``end`` on the monotonic clock; ``duration_seconds`` as the user gave it."""

    end: float
    duration_seconds: int

    @classmethod
    def after(cls, duration_seconds: int, now: float) -> Deadline:
        """The deadline of a build that began at ``now``, the reserve already taken off."""
        reserve = min(RESERVE_SECONDS, duration_seconds * RESERVE_SHARE)
        return cls(end=now + duration_seconds - reserve, duration_seconds=duration_seconds)

    def remaining(self, now: float) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.end - now)

    @property
    def entrypoint_seconds(self) -> float:
        """How long the user's function may take."""
        return self.duration_seconds * ENTRYPOINT_SHARE

    def check(self, now: float, doing: str) -> None:
        """Stop if nothing is left.

        Raises:
            OutOfTime: with words that name the field to raise.
        """
        if now >= self.end:
            raise self.exceeded(doing)

    def exceeded(self, doing: str) -> OutOfTime:
        """The error that says so."""
        return OutOfTime(
            DEADLINE_EXCEEDED,
            f"the build did not end within {self.duration_seconds} s (it was {doing});"
            " raise spec.optimization.maxDurationSeconds or make the model smaller",
        )
