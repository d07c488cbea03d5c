"""How careful to be: more when too many requests miss the goal, less when hardly any does. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

#: Of the requests that may miss the goal, the share that is planned with.
PLANNED_SHARE = 0.4
LEAST, MOST = 0.14, 8.0
STEP_SECONDS, LONG_SECONDS = 60.0, 900.0
UP, DOWN = 1.25, 0.98
#: A minute with fewer requests says nothing of shares.
LEAST_REQUESTS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """``factor``: the care to plan with. ``minutes``: 15 times (end, requests, violations).

    ``short``: since the last of them there was more load than replicas for it.
    """

    factor: float = 1.0
    minutes: tuple[tuple[float, float, float], ...] = ()
    short: bool = False

    def add(
        self, at: float, requests: float, violations: float, *, allowed: float, short: bool
    ) -> ErrorBudget:
        """What was counted in the minute up to ``at``; one minute is taken after another.

        ``allowed``: share of the requests that may miss the goal. ``short``: there is more load
        now than the replicas carry that there are. In a minute without that nothing was missed for
        want of replicas, and more of them would not help: where a limit is set on waiting, Triton
        overlooks a request now and then at any load (docs/tuning.md).
        """
        short = short or self.short
        if self.minutes and 0 <= at - self.minutes[-1][0] < STEP_SECONDS:
            return replace(self, short=short)
        kept = tuple(minute for minute in self.minutes if 0 < at - minute[0] < LONG_SECONDS)
        minutes = (*kept, (at, requests, violations if short else 0.0))
        last, long = _share(minutes[-1:]), _share(minutes)
        return ErrorBudget(factor=self._next(last, long, PLANNED_SHARE * allowed), minutes=minutes)

    def _next(self, last: float | None, long: float | None, planned: float) -> float:
        if last is not None and long is not None and last > planned and long > planned:
            return min(MOST, UP * self.factor)
        if long is not None and long < planned / 2:
            return max(LEAST, DOWN * self.factor)
        return self.factor


def _share(minutes: Iterable[tuple[float, float, float]]) -> float | None:
    """Violations among the requests; None where there were too few to say."""
    known = list(minutes)
    requests = sum(minute[1] for minute in known)
    return sum(minute[2] for minute in known) / requests if requests >= LEAST_REQUESTS else None
