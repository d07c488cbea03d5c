"""Load at what the table says, and beyond it → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures, Row, row, target

FIGURE = "T6"
REPLICAS = (1, 2, 3)
#: Of R(c): what has to hold, and what may not.
AT, BEYOND = 1.0, 1.15
VIOLATIONS_MOST = 0.01
#: What R(c) is made for: fewer are chance.
PLANNED = 0.005
#: What is clearly more.
CLEARLY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """So many ``replicas`` at ``factor`` times their capacity ``rows_per_second``.

    ``late``: not answered within the goal; ``behind``: share that went out later than planned.
    """

    replicas: int
    factor: float
    rows_per_second: float
    requests: int
    late: int
    p99_ms: float
    behind: float = 0.0

    @property
    def violations(self) -> float:
        """Share of the requests that were not answered within the goal."""
        return self.late / max(1, self.requests)

    def words(self) -> str:
        """``2 replicas at 1.15 x 93.1 rows/s: 3.20% of 6423 beyond the goal``."""
        head = f"{self.replicas} replicas at {self.factor:g} x {self.rows_per_second:.1f} rows/s"
        behind = f", {self.behind:.1%} sent late" if self.behind else ""
        return f"{head}: {self.violations:.2%} of {self.requests} beyond the goal{behind}"


def figures(tried: Sequence[Tried]) -> Figures:
    """A line for each number of replicas at each rate, its repeats together."""
    rows: list[Row] = []
    at: list[float] = []
    gaps: list[float] = []
    for replicas in dict.fromkeys(item.replicas for item in tried):
        shares = {}
        for factor in (AT, BEYOND):
            runs = [x for x in tried if (x.replicas, x.factor) == (replicas, factor)]
            name = f"{replicas} replicas at {factor:g} x R({replicas})"
            shares[factor] = sum(x.late for x in runs) / max(1, sum(x.requests for x in runs))
            rows += [
                row(FIGURE, "rows", "rows/s", [factor * x.rows_per_second for x in runs], name),
                row(FIGURE, "beyond the goal", "%", [100 * x.violations for x in runs], name),
                row(FIGURE, "p99", "ms", [x.p99_ms for x in runs], name),
                row(FIGURE, "requests", "", [float(x.requests) for x in runs], name),
                row(FIGURE, "sent late", "%", [100 * x.behind for x in runs], name),
            ]
        at.append(shares[AT])
        gaps.append(shares[BEYOND] / max(shares[AT], PLANNED))
    return Figures(
        rows=tuple(rows),
        targets=(
            target(
                f"{FIGURE}.at", "most violations at R(c), share", "<=", VIOLATIONS_MOST, max(at)
            ),
            target(
                f"{FIGURE}.beyond",
                "violations at 1.15 R(c) / at R(c), 0.5 % at least; the least of all c",
                ">=",
                CLEARLY,
                min(gaps),
            ),
        ),
    )
