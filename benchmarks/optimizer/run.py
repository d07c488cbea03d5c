"""Measures the figures of the artifact builder; writes results.json and docs/optimizer.md.

    PYTHONPATH=harness:demo python3.11 benchmarks/optimizer/run.py [O1 …] [--quick] [--work DIR]

O1 speed at equal accuracy, O2 the gate catches what it should, O3 the search, O4 memory; O1, O3 and
O4 example by example (``--case digits``). What is not measured keeps its earlier rows and dates.
It can be stopped and run again: what was made is kept in the work folder. ``--quick`` does a tenth
of it, to see that everything runs, and writes neither file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import table  # puts what all benchmarks share on the path
from bench_figures import document
from bench_figures.command_line import figure_of, take_signals
from bench_figures.document import Document
from bench_figures.machine import BUSY, environment_versions, machine, project_versions
from bench_figures.page import text_table
from bench_figures.rows import Figures
from optimizer_figures.bench import Bench
from optimizer_figures.builds import site
from optimizer_figures.gate import measuring as gate
from optimizer_figures.memory import measuring as memory
from optimizer_figures.page import markdown
from optimizer_figures.search import measuring as search
from optimizer_figures.speed import measuring as speed

from modelservice_harness.commands import guarded, open_workshop, prepare
from modelservice_harness.locks import exclusive
from modelservice_harness.provision import Wanted
from modelservice_harness.workshop import Workshop

#: What measures each figure.
FIGURES: Mapping[str, Callable[[Bench], Iterator[Figures]]] = {
    "O1": speed.measure,
    "O2": gate.measure,
    "O3": search.measure,
    "O4": memory.measure,
}
ENVIRONMENTS = ("builder-test", *site.ENVIRONMENTS)
_PACKAGES = ("numpy", "onnx", "onnxruntime", "openvino", "nncf", "torch")


def main() -> int:
    """Parse the command line and measure."""
    options = _parser().parse_args()
    take_signals()
    workshop = open_workshop(os.environ)
    return guarded(lambda: _run(workshop, options), workshop.console)


def _picked(word: str) -> tuple[str, str]:
    case, equals, variant = word.partition("=")
    if not (case and equals and variant):
        raise argparse.ArgumentTypeError(f"{word!r} is not CASE=VARIANT")
    return case, variant


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", type=figure_of(FIGURES), help="none: all of them")
    parser.add_argument("--quick", action="store_true", help="a tenth of it; nothing is recorded")
    parser.add_argument("--case", action="append", default=[], help="of O1, O3, O4; default: all")
    parser.add_argument(
        "--picked",
        action="append",
        default=[],
        type=_picked,
        metavar="CASE=VARIANT",
        help="of O1: what the tuning picked",
    )
    parser.add_argument("--work", type=Path, help="default: in the project's cache")
    parser.add_argument("--out", type=Path, default=table.RESULTS)
    return parser


def _run(workshop: Workshop, options: argparse.Namespace) -> None:
    work = options.work or workshop.layout.cache / "benchmarks" / "optimizer"
    out = work / "quick.json" if options.quick else options.out
    work.mkdir(parents=True, exist_ok=True)
    with exclusive(
        workshop.layout.clusters.parent / ".bench.lock",
        lambda: workshop.console.say("another benchmark runs, waiting"),
    ):
        host = machine()
        if (busy := host["loadAverageBefore"]) > BUSY:
            workshop.console.say(f"the machine is busy (load average {busy:g}): this takes longer")
        provisioned = prepare(workshop, Wanted(environments=ENVIRONMENTS, project=True))
        bench = Bench(
            workshop=workshop,
            provisioned=provisioned,
            work=work.resolve(),
            quick=options.quick,
            cases=tuple(options.case),
            picked=dict(options.picked),
        )
        packages = environment_versions(provisioned.environments[ENVIRONMENTS[0]], _PACKAGES)
        head = Document(
            machine=host,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=project_versions(workshop.layout) | packages,
        )
        for name in options.figures or FIGURES:
            workshop.console.say(f"{name}: measuring")
            for found in FIGURES[name](bench):
                document.write(out, document.merged(document.read(out), found, head))
    _report(workshop, out)


def _report(workshop: Workshop, results: Path) -> None:
    found = document.read(results)
    if results == table.RESULTS:
        table.PAGE.write_text(markdown(found), encoding="utf-8")
    workshop.console.raw(f"\n{text_table(found)}\n\n{results}")


if __name__ == "__main__":
    sys.exit(main())
