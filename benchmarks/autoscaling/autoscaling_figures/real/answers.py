"""What came of every request, and how many of them were violations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triton_http import ANSWERED, FAILED, REFUSED

#: A request that goes out later than this was not sent as planned: the sender's doing.
BEHIND_MS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``at``: seconds since the beginning, when it was due; ``behind_ms``: sent so much later."""

    service: str
    at: float
    behind_ms: float
    took_ms: float
    outcome: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of some requests: how many were refused, failed otherwise, or answered beyond the goal."""

    requests: int
    refused: int
    failed: int
    late: int
    behind: int

    @property
    def violations(self) -> int:
        """Not answered within the goal."""
        return self.refused + self.failed + self.late

    @property
    def missed(self) -> float:
        """Share of the requests."""
        return self.violations / max(1, self.requests)


def parsed(document: Mapping[str, Any], services: Sequence[str]) -> tuple[Answer, ...]:
    """From what the sender wrote."""
    return tuple(
        Answer(service=services[number], at=at, behind_ms=behind, took_ms=took, outcome=outcome)
        for number, at, behind, took, outcome in document["answers"]
    )


def violates(answer: Answer, goal_ms: float) -> bool:
    """Whether it was not answered within the goal."""
    return answer.outcome != ANSWERED or answer.took_ms > goal_ms


def scored(answers: Iterable[Answer], begin: float, end: float, goal_ms: float) -> Score:
    """Of those that were due from ``begin`` until ``end``."""
    found = [item for item in answers if begin <= item.at < end]
    return Score(
        requests=len(found),
        refused=sum(item.outcome == REFUSED for item in found),
        failed=sum(item.outcome == FAILED for item in found),
        late=sum(item.outcome == ANSWERED and item.took_ms > goal_ms for item in found),
        behind=sum(item.behind_ms > BEHIND_MS for item in found),
    )
