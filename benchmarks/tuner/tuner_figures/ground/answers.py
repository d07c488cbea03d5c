"""What came of every request that the pod sent. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from triton_http import ANSWERED, FAILED, REFUSED

#: A request that goes out later than this was not sent at random any more, and counts as late.
BEHIND_MS = 5.0


class UnreadableError(ValueError):
    """It is not what ``inside/asking.py`` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``sent``: seconds since 1970; ``took_ms``: until it was answered, refused or failed.

    ``behind_ms``: by which it went out later than planned.
    """

    sent: float
    took_ms: float
    outcome: int
    behind_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Of one run. ``failures``: why, and how often."""

    all: tuple[Answer, ...]
    failures: Mapping[str, int]

    @property
    def refused(self) -> int:
        """By the queue."""
        return sum(item.outcome == REFUSED for item in self.all)

    @property
    def failed(self) -> int:
        """In any other way."""
        return sum(item.outcome == FAILED for item in self.all)

    def late(self, goal_ms: float) -> int:
        """Not answered within the goal: later, refused, or failed."""
        return sum(item.outcome != ANSWERED or item.took_ms > goal_ms for item in self.all)

    def behind(self) -> float:
        """Share of the requests that went out late: the client's doing, not the server's."""
        return sum(item.behind_ms > BEHIND_MS for item in self.all) / max(1, len(self.all))

    def percentile_ms(self, percentile: float) -> float:
        """Nearest rank, of what was answered; 0 where nothing was."""
        ordered = sorted(item.took_ms for item in self.all if item.outcome == ANSWERED)
        rank = max(0, math.ceil(len(ordered) * percentile / 100) - 1)
        return ordered[rank] if ordered else 0.0

    def after(self, seconds: float) -> Answers:
        """Without those of the first ``seconds``."""
        first = min((item.sent for item in self.all), default=0.0)
        return self.between(first + seconds, math.inf)

    def between(self, begin: float, end: float) -> Answers:
        """Those that were sent from ``begin`` until ``end``."""
        return replace(self, all=tuple(item for item in self.all if begin <= item.sent < end))


def parsed(text: str) -> Answers:
    """The last line that the program says.

    Raises:
        UnreadableError: it is something else.
    """
    try:
        found: Mapping[str, Any] = json.loads(text.strip().splitlines()[-1])
        answers = tuple(
            Answer(sent=sent, took_ms=took, outcome=outcome, behind_ms=behind)
            for sent, took, outcome, behind in found["answers"]
        )
        return Answers(all=answers, failures=dict(found["failures"]))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"no answers of the pod that asks: {error!r}") from error
