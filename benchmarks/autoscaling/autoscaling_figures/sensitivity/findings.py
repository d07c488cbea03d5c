"""What each constant is worth: S. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench_figures.rows import Figures, Row, row

from autoscaling_figures.runs.matching import geometric
from autoscaling_figures.runs.running import Run
from autoscaling_figures.runs.sharing import Shared

FACTORS = (0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """``value``: as it is. ``alone``: a run for each load; ``together``: services that share."""

    value: float
    alone: Sequence[Run] | None
    together: Sequence[Shared] | None


def figures(
    values: Mapping[str, float],
    base: Sequence[Run],
    shared: Sequence[Shared],
    found: Mapping[tuple[str, float], Varied],
) -> Figures:
    """Rows only: nothing is promised here."""
    rows: list[Row] = [
        row("S.alone", "violations", "%", [100 * _missed(base)], of="as it is"),
        row("S.shared", "violations", "%", [100 * fmean(s.missed for s in shared)], of="as it is"),
    ]
    for (title, factor), varied in found.items():
        of = f"{title} = {values[title]:g}"
        at = f"x {factor:g}"
        if varied.alone is not None:
            rows += _beside(base, varied.alone, group="S.alone", of=of, at=f"{at}: ")
        if varied.together is not None:
            missed = 100 * fmean(one.missed for one in varied.together)
            worst = 100 * fmean(one.worst for one in varied.together)
            rows.append(row("S.shared", f"{at}: violations", "%", [missed], of=of))
            rows.append(row("S.shared", f"{at}: worst service", "%", [worst], of=of))
    return Figures(rows=tuple(rows), targets=())


def of_overlooking(base: Sequence[Run], found: Mapping[float, Sequence[Run]]) -> Figures:
    """By how often a batcher overlooks who waits. Rows only."""
    rows: list[Row] = []
    for overlooks, runs in {0.0: base, **found}.items():
        rows += _beside(base, runs, group="S.overlooked", of=f"{overlooks:.0%} of the moments")
    return Figures(rows=tuple(rows), targets=())


def _beside(
    base: Sequence[Run], runs: Sequence[Run], *, group: str, of: str, at: str = ""
) -> tuple[Row, Row]:
    costs = [new.cost / old.cost for new, old in zip(runs, base, strict=True)]
    return (
        row(group, f"{at}violations", "%", [100 * _missed(runs)], of=of),
        row(group, f"{at}GPU-seconds", "", [geometric(costs)], of=of),
    )


def _missed(runs: Sequence[Run]) -> float:
    return fmean(one.missed for one in runs)
