"""Shares beyond the goal with and without a limit on waiting → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures, Row, row, target

FIGURE = "T7"
#: Points of percent by which the simulation may be off at any load.
OFF_MOST = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """``late``: not answered within the goal, or refused; ``simulated``: the share that should be.

    ``limited``: with a limit on waiting. ``typical_ms``: half of the answers were faster.
    """

    rate: float
    instances: int
    limited: bool
    requests: int
    late: int
    typical_ms: float
    behind: float = 0.0
    simulated: float = 0.0

    @property
    def name(self) -> str:
        """``1 instance, 15 requests/s, with a limit``."""
        plural = "" if self.instances == 1 else "s"
        limit = "with a limit" if self.limited else "without"
        return f"{self.instances} instance{plural}, {self.rate:g} requests/s, {limit}"

    def words(self) -> str:
        """For people."""
        share = self.late / max(1, self.requests)
        return f"{self.name}: {share:.2%} of {self.requests} beyond the goal"


def figures(found: Sequence[Loaded]) -> Figures:
    """A line for each load and setting, its repeats together."""
    rows: list[Row] = []
    off = []
    for name in dict.fromkeys(item.name for item in found):
        runs = [item for item in found if item.name == name]
        measured = 100 * sum(x.late for x in runs) / max(1, sum(x.requests for x in runs))
        simulated = 100 * runs[0].simulated
        off.append(abs(measured - simulated))
        rows += [
            row(FIGURE, "beyond the goal", "%", [100 * x.late / x.requests for x in runs], name),
            row(FIGURE, "simulated", "%", [simulated], name),
            row(FIGURE, "p50", "ms", [x.typical_ms for x in runs], name),
            row(FIGURE, "requests", "", [float(x.requests) for x in runs], name),
            row(FIGURE, "sent late", "%", [100 * x.behind for x in runs], name),
        ]
    words = "simulated against measured share beyond the goal, most points of percent"
    return Figures(
        rows=tuple(rows), targets=(target(f"{FIGURE}.off", words, "<=", OFF_MOST, max(off)),)
    )
