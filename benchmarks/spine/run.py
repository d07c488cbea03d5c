"""Measures the figures of the first issue and writes results.json and docs/figures.md.

    PYTHONPATH=harness:demo python3.11 benchmarks/spine/run.py [F1 …] [--cold] [--rounds N]

F1 make demo, F2 make test (both only when named; --cold: from a fresh clone with empty caches),
F3 the operator at rest, F4 kubectl apply to serving, F5 throughput at the tuned setting. What is
not measured keeps its earlier rows, with their dates.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import table  # puts what all benchmarks share on the path
from bench_figures import document
from bench_figures.command_line import figure_of, take_signals
from bench_figures.document import Document
from bench_figures.machine import BUSY, machine
from bench_figures.page import text_table
from bench_figures.rows import Figures
from spine_figures import making, operating, throughput
from spine_figures.machine import versions
from spine_figures.page import markdown
from spine_figures.site import CLUSTER, NAME, copy_artifact, site

from modelservice_harness.commands import CLUSTER_WANTED, guarded, open_workshop, prepare
from modelservice_harness.locks import exclusive
from modelservice_harness.provision import Provisioned, Wanted
from modelservice_harness.workshop import Workshop

FIGURES = ("F1", "F2", "F3", "F4", "F5")
ON_A_CLUSTER = ("F3", "F4", "F5")
_SERVING = "serving-test"


def main() -> int:
    """Parse the command line and measure."""
    options = _parser().parse_args()
    take_signals()
    workshop = open_workshop(os.environ)
    return guarded(lambda: _run(workshop, options), workshop.console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", type=figure_of(FIGURES), help="none: F3 F4 F5")
    parser.add_argument("--cold", action="store_true", help="F1, F2 with empty caches as well")
    parser.add_argument("--rounds", type=int, default=5, help="of F5 (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=table.RESULTS)
    return parser


def _run(workshop: Workshop, options: argparse.Namespace) -> None:
    wanted = tuple(options.figures) or ON_A_CLUSTER
    lock = workshop.layout.clusters.parent / ".bench.lock"
    with exclusive(lock, lambda: workshop.console.say("another benchmark runs, waiting")):
        head = Document(machine=machine(), date=datetime.now(UTC).isoformat(timespec="seconds"))
        if (busy := head.machine["loadAverageBefore"]) > BUSY:
            workshop.console.say(f"the machine is busy (load average {busy:g}): figures suffer")
        provisioned = None
        if set(wanted) & set(ON_A_CLUSTER):
            provisioned = prepare(workshop, _wanted())
        serving = provisioned.environments[_SERVING] if provisioned else None
        head = Document(
            machine=head.machine, date=head.date, versions=versions(workshop.layout, serving)
        )
        for found in _measured(workshop, provisioned, wanted, options):
            document.write(options.out, document.merged(document.read(options.out), found, head))
    _report(workshop, options.out)


def _wanted() -> Wanted:
    environments = (*CLUSTER_WANTED.environments, _SERVING)
    return Wanted(environments=environments, cluster=True, project=True)


def _measured(
    workshop: Workshop,
    provisioned: Provisioned | None,
    wanted: tuple[str, ...],
    options: argparse.Namespace,
) -> Iterator[Figures]:
    if provisioned is not None:
        yield from _on_a_cluster(workshop, provisioned, wanted, options.rounds)
    if "F1" in wanted:
        yield from making.demo(workshop, cold=options.cold)
    if "F2" in wanted:
        yield from making.tests(workshop, cold=options.cold)


def _on_a_cluster(
    workshop: Workshop, provisioned: Provisioned, wanted: tuple[str, ...], rounds: int
) -> Iterator[Figures]:
    """F5 comes last, when the cluster is gone and the machine is quiet."""
    with tempfile.TemporaryDirectory(prefix=f"{CLUSTER}-") as folder:
        with site(workshop, provisioned) as made:
            waited = operating.until_serving(made)
            if "F4" in wanted:
                yield waited
            if "F3" in wanted:
                yield operating.at_rest(made)
            tuned = throughput.Tuned.of(made.service())
            if "F5" in wanted:
                copy_artifact(made, Path(folder))
        if "F5" in wanted:
            environment = provisioned.environments[_SERVING]
            yield throughput.measure(
                tuned,
                artifact=Path(folder),
                model=NAME,
                rounds=rounds,
                command=[str(environment / "bin" / "python")],
                env=throughput.environ(environment, workshop.layout.repository),
                console=workshop.console,
            )


def _report(workshop: Workshop, results: Path) -> None:
    found = document.read(results)
    if results == table.RESULTS:
        table.PAGE.write_text(markdown(found), encoding="utf-8")
    workshop.console.raw(f"\n{text_table(found)}\n\n{results}")


if __name__ == "__main__":
    sys.exit(main())
