"""What faults do: C1 and C2. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench_figures.rows import Figures, Row, row, target

from autoscaling_figures.runs.sharing import Shared
from autoscaling_figures.simulator.world import BLINDING, FAULTS, METRIC_FAULTS, RESTART

OURS, HPA, KEDA = "ours", "HPA 70 %", "KEDA 70 %"
DEPTH = "KEDA on queue depth"
NO_FAULT = "no fault"
STEP = "step"
#: Metrics are that old before anybody can know that they stopped.
UNNOTICED = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """``found``: by controller and fault, a run for each seed; the fault from begin to end."""

    found: Mapping[tuple[str, str], Sequence[Shared]]
    begin: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """``needed``: replicas for the load after the step."""

    peak: int
    needed: int
    missed: float


def figures(broken: Broken, stepped: Mapping[str, Sequence[Stepped]]) -> Figures:
    """Rows and targets."""
    rows: list[Row] = []
    for (who, kind), runs in broken.found.items():
        rows.append(row("C1", who, "%", [100 * run.missed for run in runs], of=kind))
    for kind in BLINDING:
        downs = [float(_downs(broken, run)) for run in broken.found[OURS, kind]]
        rows.append(row("C1.blind", "ours: given up while blind", "", downs, of=kind))
        downs = [float(_downs(broken, run)) for run in broken.found[KEDA, kind]]
        rows.append(row("C1.blind", "KEDA: given up while blind", "", downs, of=kind))
    for who, found in stepped.items():
        ratios = [one.peak / one.needed for one in found]
        rows.append(row("C2", "peak / needed", "", ratios, of=who))
        rows.append(row("C2", "violating requests", "%", [100 * f.missed for f in found], of=who))
    harmless = (*METRIC_FAULTS, RESTART)
    worst = max(_added(broken, OURS, kind) for kind in harmless)
    blind = max(_downs(broken, run) for kind in BLINDING for run in broken.found[OURS, kind])
    keda = max(_added(broken, KEDA, kind) for kind in METRIC_FAULTS)
    rows.append(row("C1.added", "points of violations", "", [keda], of="KEDA 70 %, worst fault"))
    rows += [
        row(
            "C1.added", "points of violations", "", [_added(broken, OURS, kind)], of=f"ours, {kind}"
        )
        for kind in FAULTS
    ]
    peak = max(one.peak / one.needed for one in stepped[OURS])
    targets = (
        target("C1", "points of violations that a fault of metrics adds, worst", "<=", 1.0, worst),
        target("C1.blind", "replicas given up while blind, worst run", "==", 0, blind),
        target("C2", "peak replicas / needed, after a step of ten times", "<=", 1.5, peak),
    )
    return Figures(rows=tuple(rows), targets=targets)


def _added(broken: Broken, who: str, kind: str) -> float:
    """Points of violations more than without the fault."""
    with_it = fmean(run.missed for run in broken.found[who, kind])
    return 100 * (with_it - fmean(run.missed for run in broken.found[who, NO_FAULT]))


def _downs(broken: Broken, run: Shared) -> int:
    """Replicas given up from when the blindness could be known until it ended."""
    return sum(
        max(0, change.before - change.after)
        for change in run.changes
        if broken.begin + UNNOTICED <= change.at < broken.end
    )
