"""Builds of one case with more and with less → rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench_figures.rows import Figures, Row, row

from optimizer_figures.builds.reports import Report

FIGURE = "O3"
ONE, TWO, HALF = "1 worker", "2 workers", "2 workers, half of the time"
TO_ARTIFACT, MAKING = "to the artifact", "making candidates"
SERIAL, LONGEST, BOUND = "one after another", "max(t_i)", "least with so many workers"
GIVEN, TRIED, REACHED = "time given", "candidates judged", "speed-up of the chosen one"
SHARE = "share of the full search's speed-up"
#: Outcomes of candidates that were seen at work.
_UNSEEN = {"Failed", "Skipped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurried:
    """The search with ``seconds`` in all. ``report``: None where it published nothing."""

    seconds: int
    report: Report | None


def figures(case: str, one: Report, two: Report, half: Hurried) -> Figures:
    """Rows; nothing was promised of these but that they are told."""
    group = f"{FIGURE}.{case}"
    rows = [*_rows(group, ONE, one), *_rows(group, TWO, two)]
    rows.append(row(group, GIVEN, "s", [float(half.seconds)], HALF))
    if half.report is not None:
        rows += _rows(group, HALF, half.report)
    rows.append(row(group, SHARE, "", [share(two, half)], HALF))
    return Figures(rows=tuple(rows), targets=())


def share(full: Report, half: Hurried) -> float:
    """Speed-up of what was chosen in half of the time ÷ of what the full search chose.

    Both as the full search measured them, so that no second measurement comes in; where it did
    not see that candidate, as the hurried one did. 0 where nothing was published.
    """
    if half.report is None or not full.chosen.speedup:
        return 0.0
    chosen = half.report.chosen
    known = full.candidates.get(chosen.name)
    speedup = known.speedup if known is not None and known.speedup else chosen.speedup
    return speedup / full.chosen.speedup


def _rows(group: str, of: str, report: Report) -> list[Row]:
    seconds: Mapping[str, float] = {
        TO_ARTIFACT: report.total_seconds,
        MAKING: report.making_seconds,
        SERIAL: report.serial_seconds,
        LONGEST: report.longest_seconds,
        BOUND: bound(report),
    }
    seen = [each for each in report.candidates.values() if each.outcome not in _UNSEEN]
    return [
        *(row(group, what, "s", [value], of) for what, value in seconds.items()),
        row(group, TRIED, "", [float(len(seen))], of),
        row(group, REACHED, "", [report.chosen.speedup], of),
    ]


def bound(report: Report) -> float:
    """No order of the steps makes them in less: the longest chain, or a fair share of them all."""
    return max(report.longest_seconds, report.serial_seconds / max(1, report.workers))
