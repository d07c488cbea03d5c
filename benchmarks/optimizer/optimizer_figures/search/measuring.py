"""O3, case by case: the same search on one core, on two, and in half of the time."""

from __future__ import annotations

from collections.abc import Iterator

from bench_figures.rows import Figures

from optimizer_figures.bench import Bench
from optimizer_figures.builds import building
from optimizer_figures.builds.building import Way
from optimizer_figures.builds.cases import Case, chosen
from optimizer_figures.builds.reports import Report
from optimizer_figures.builds.site import Site

from .findings import Hurried, figures


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each case, as they come.

    Raises:
        HarnessError: no such case; a build failed that had time enough.
    """
    site = Site(bench=bench)
    for case in chosen(bench.cases, quick=bench.quick):
        two = building.ensure(site, case, building.TWO_WORKERS).report()
        one = building.ensure(site, case, building.ONE_WORKER).report()
        yield figures(case.name, one, two, _hurried(site, case, two))


def _hurried(site: Site, case: Case, full: Report) -> Hurried:
    seconds = max(1, round(full.total_seconds / 2))
    way = Way(name="half-time", cores=2, seconds=seconds, may_fail=True)
    built = building.ensure(site, case, way)
    return Hurried(seconds=seconds, report=None if built.failure else built.report())
