"""Every single request of a run, from perf_analyzer's profile export. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

#: Shares of the goal, and seconds, by which a request may go out late without being late.
LATE_SHARE, LATE_LEAST_MS = 0.1, 1.0
_NANOSECONDS = 1e9
_MS = 1e3


class UnreadableError(ValueError):
    """The export is empty, cut short or of another kind; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """``sent``, ``answered``: seconds on one clock, in the order of sending."""

    sent: tuple[float, ...]
    answered: tuple[float, ...]

    @property
    def latencies_ms(self) -> list[float]:
        """From sending to the answer."""
        return [(b - a) * _MS for a, b in zip(self.sent, self.answered, strict=True)]

    def percentile_ms(self, percentile: float) -> float:
        """Nearest rank: so many percent of the requests took at most so long."""
        ordered = sorted(self.latencies_ms)
        return ordered[max(0, math.ceil(len(ordered) * percentile / 100) - 1)]

    def rows_per_second(self) -> float:
        """Answered, from the first sending to the last answer."""
        return len(self.sent) / (max(self.answered) - self.sent[0])

    def violations(self, goal_ms: float) -> float:
        """Share of the requests that took longer than the goal."""
        return sum(value > goal_ms for value in self.latencies_ms) / len(self.sent)

    def goodput(self, goal_ms: float) -> float:
        """Answers within the goal, a second of the time in which requests were sent."""
        good = sum(value <= goal_ms for value in self.latencies_ms)
        return good / (self.sent[-1] - self.sent[0])

    def after(self, seconds: float) -> Requests:
        """Without those of the first ``seconds``: connections are made then, caches are cold.

        All of them where nothing would be left.
        """
        begin = self.sent[0] + seconds
        kept = [pair for pair in zip(self.sent, self.answered, strict=True) if pair[0] >= begin]
        if not kept:
            return self
        sent, answered = zip(*kept, strict=True)
        return Requests(sent=sent, answered=answered)

    def late_share(self, intervals: Sequence[int], goal_ms: float) -> float:
        """Share of the requests that went out late, though they were planned by ``intervals``.

        perf_analyzer sends none early, so the one that is earliest beside its plan was in time.
        """
        planned = list(accumulate(interval / 1e6 for interval in intervals))[: len(self.sent)]
        behind = [sent - plan for sent, plan in zip(self.sent, planned, strict=False)]
        allowed = min(behind) + max(LATE_LEAST_MS, LATE_SHARE * goal_ms) / _MS
        return sum(value > allowed for value in behind) / len(behind)


def parsed(text: str) -> Requests:
    """The requests of the export's only experiment.

    Raises:
        UnreadableError: there are none.
    """
    try:
        (experiment,) = json.loads(text)["experiments"]
        pairs = sorted(
            _pair(item) for item in experiment["requests"] if item["response_timestamps"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"no profile export of one experiment: {error!r}") from error
    if not pairs:
        raise UnreadableError("no request was answered")
    first = pairs[0][0]
    return Requests(
        sent=tuple((sent - first) / _NANOSECONDS for sent, _ in pairs),
        answered=tuple((answered - first) / _NANOSECONDS for _, answered in pairs),
    )


def _pair(item: dict[str, Any]) -> tuple[int, int]:
    return int(item["timestamp"]), int(item["response_timestamps"][-1])
