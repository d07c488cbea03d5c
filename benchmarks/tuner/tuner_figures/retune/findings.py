"""What clients met with while the tuning was changed in each way → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench_figures.rows import Figures, Row, row, target

FIGURE = "T3"
CONTROL, IN_PLACE = "no change", "load in place"
UNLOAD, RESTART = "unload, then load", "restart"
WAYS = (CONTROL, IN_PLACE, UNLOAD, RESTART)
REQUESTS, CHANGES, FAILED, REFUSED = "requests", "changes", "failed", "refused"
P99, WORST = "p99", "worst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Of one run. ``changes``: of the tuning in it; ``failures``: what was said, and how often."""

    changes: int
    answered: int
    refused: int
    failed: int
    p99_ms: float
    worst_ms: float
    failures: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, changes: int, summary: Mapping[str, Any]) -> Met:
        """From what the clients told."""
        return cls(
            changes=changes,
            answered=int(summary["answered"]),
            refused=int(summary["refused"]),
            failed=int(summary["failed"]),
            p99_ms=float(summary["p99_ms"]),
            worst_ms=float(summary["worst_ms"]),
            failures=summary.get("failures", {}),
        )

    @property
    def requests(self) -> int:
        """All that ended, in whatever way."""
        return self.answered + self.refused + self.failed

    def words(self) -> str:
        """``3 changes, 3300 requests, 1 failed, 0 refused, worst 43 ms: 1 x its words``."""
        counts = f"{self.requests} requests, {self.failed} failed, {self.refused} refused"
        why = "; ".join(f"{many} x {words}" for words, many in self.failures.items())
        head = f"{self.changes} changes, {counts}, worst {self.worst_ms:.0f} ms"
        return f"{head}: {why}" if why else head


def figures(name: str, met: Mapping[str, Sequence[Met]]) -> Figures:
    """Of one model: a line for each way, its runs together.

    ``met``: by way, with ``CONTROL`` and ``IN_PLACE`` among them.
    """
    group = f"{FIGURE}.{name}"
    rows: list[Row] = []
    for way, runs in met.items():
        rows += [
            row(group, CHANGES, "", [float(run.changes) for run in runs], way),
            row(group, REQUESTS, "", [float(run.requests) for run in runs], way),
            row(group, FAILED, "", [float(run.failed) for run in runs], way),
            row(group, REFUSED, "", [float(run.refused) for run in runs], way),
            row(group, P99, "ms", [run.p99_ms for run in runs], way),
            row(group, WORST, "ms", [run.worst_ms for run in runs], way),
        ]
    failed = float(sum(run.failed for run in met[IN_PLACE]))
    more = refused_share(met[IN_PLACE]) - refused_share(met[CONTROL])
    return Figures(
        rows=tuple(rows),
        targets=(
            target(
                f"{group}.failed", "failed requests, tuning changed in place", "==", 0.0, failed
            ),
            target(
                f"{group}.refused",
                "share of refused requests, changed in place - not changed",
                "<=",
                0.0,
                max(0.0, more),
            ),
        ),
    )


def refused_share(runs: Sequence[Met]) -> float:
    """Of all requests of all runs."""
    return sum(run.refused for run in runs) / max(1, sum(run.requests for run in runs))
