"""O4, case by case: from the build's own report and from bare processes."""

from __future__ import annotations

from collections.abc import Iterator

from bench_figures.rows import Figures

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import capture
from optimizer_figures.bench import Bench
from optimizer_figures.builds import building
from optimizer_figures.builds.cases import Case, chosen
from optimizer_figures.builds.site import Site

from .findings import figures
from .frameworks import Imports, processes


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each case, as they come.

    Raises:
        HarnessError: no such case; a build failed, or a framework cannot be imported.
    """
    site = Site(bench=bench)
    footprints: dict[tuple[str, Imports], int] = {}
    for case in chosen(bench.cases, quick=bench.quick):
        built = building.ensure(site, case, building.TWO_WORKERS)
        report = built.report()
        found = processes(report)
        wanted = dict.fromkeys(process.imports for process in found)
        for imports in wanted:
            if (case.environment, imports) not in footprints:
                site.say(f"  {case.environment}: a bare process with {imports.modules[-1]}")
                footprints[case.environment, imports] = footprint(site, case, imports)
        yield figures(
            case.name,
            found,
            {imports: footprints[case.environment, imports] for imports in wanted},
            model_bytes=report.model_bytes,
            together_bytes=built.family_bytes,
        )


def footprint(site: Site, case: Case, imports: Imports) -> int:
    """Bytes of a process that imports these and does nothing.

    Raises:
        CommandFailed: they cannot be imported.
    """
    command = [str(site.python(case)), "-m", "optimizer_figures.memory.bare", *imports.words()]
    text = capture(command, env={**site.environ(case), "OMP_NUM_THREADS": "1"})
    try:
        return int(text.split()[-1])
    except (IndexError, ValueError) as error:
        raise CommandFailed(f"{imports.modules}: no figure in {text!r}") from error
