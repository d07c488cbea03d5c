"""What clients met with while the operator changed a setting → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures

from tuner_figures.ground.answers import Answers
from tuner_figures.retune import findings
from tuner_figures.retune.findings import CONTROL, IN_PLACE, Met

NAME = "operator"
GROUP = f"{findings.FIGURE}.{NAME}"
TUNING = "tuned beside it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Of the goal, in seconds since 1970.

    ``began``: of the time before it in which nothing changed; ``changed``: the goal in the spec;
    ``tuned``: the new setting is known; ``served``: every replica serves it.
    """

    began: float
    changed: float
    tuned: float
    served: float

    def windows(self) -> dict[str, tuple[float, float]]:
        """What went on, from when to when."""
        return {
            CONTROL: (self.began, self.changed),
            TUNING: (self.changed, self.tuned),
            IN_PLACE: (self.tuned, self.served),
        }


def met(changes: Sequence[Change], answers: Answers) -> dict[str, list[Met]]:
    """By what went on, change by change. Without a tuning of its own there is no such window."""
    found: dict[str, list[Met]] = {CONTROL: [], TUNING: [], IN_PLACE: []}
    for change in changes:
        for name, (begin, end) in change.windows().items():
            window = answers.between(begin, end)
            if window.all:
                found[name].append(_met(int(name == IN_PLACE), window))
    return {name: runs for name, runs in found.items() if runs}


def _met(changes: int, window: Answers) -> Met:
    failed, refused = window.failed, window.refused
    return Met(
        changes=changes,
        answered=len(window.all) - failed - refused,
        refused=refused,
        failed=failed,
        p99_ms=window.percentile_ms(99.0),
        worst_ms=window.percentile_ms(100.0),
    )


def figures(met: Mapping[str, Sequence[Met]]) -> Figures:
    """A line for each thing that went on."""
    return findings.figures(NAME, met)
