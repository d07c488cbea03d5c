"""Which candidates can be drawn in the picture of the choice, and where they lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.builder.judged import OUTCOMES, Judged
from modelservice_runtime.builder.measuring import speedup
from modelservice_runtime.contract.requests import MAX_DEGRADATION, MAX_DEGRADATION_PERCENT
from modelservice_runtime.pages import figures

from .document import Report
from .front import estimated_drop, front, proven_drop

_NAME_CHARACTERS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A candidate in the picture. ``time``: percent of the source model's; ``number``: its row."""

    candidate: Judged
    number: int
    time: float
    drop: float
    proven: bool

    @property
    def name(self) -> str:
        """Shortened to what fits beside others."""
        return figures.shortened(self.candidate.recipe.name, _NAME_CHARACTERS)


def spots(report: Report) -> tuple[Spot, ...]:
    """The candidates that were timed and of whose loss something is known."""
    found = []
    for number, candidate in enumerate(report.candidates, 1):
        drop = estimated_drop(candidate, report)
        if candidate.latency and drop is not None:
            found.append(
                Spot(
                    candidate=candidate,
                    number=number,
                    time=100 / max(speedup(candidate.latency), 1e-9),
                    drop=drop,
                    proven=proven_drop(candidate) is not None,
                )
            )
    return tuple(found)


def limit(report: Report) -> float | None:
    """The drop that the goals allow, if one of them does; the strictest."""
    evaluated = report.evaluated
    source = evaluated.source_value if evaluated else None
    allowed = []
    for goal in report.request.evaluation.goals:
        if goal.kind == MAX_DEGRADATION:
            allowed.append(goal.value)
        elif goal.kind == MAX_DEGRADATION_PERCENT and source is not None:
            allowed.append(goal.value / 100 * abs(source))
    return min(allowed, default=None)


def important_first(report: Report, drawn: Sequence[Spot]) -> list[Spot]:
    """Chosen, finalists, the rest of the front, then the others by outcome."""
    on_front = {candidate.recipe.name for candidate in front(report.candidates)}
    return sorted(
        drawn,
        key=lambda spot: (
            OUTCOMES.index(spot.candidate.outcome),
            spot.candidate.recipe.name not in on_front,
        ),
    )
