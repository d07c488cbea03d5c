"""Measures the figures of the tuner; writes results.json and the figures of docs/tuner.md.

    PYTHONPATH=harness:demo:runtime python3.11 benchmarks/tuner/run.py [T1 …] [--quick]

T1 what a search finds and costs, beside Model Analyzer; T2 what a pick carries at random arrivals;
T3 retuning without loss; T4 the simulation beside the server; T5 the memory plan; T6 capacity
behind a Service, on a local cluster. T1 to T5 model by model (``--model digits``). What is not
measured keeps its earlier rows and dates. It can be stopped and run again: searches that ended are
kept in the work folder. ``--quick`` does a tenth of it, to see that everything runs, and writes
neither file.
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
from tuner_figures.bench import ANALYZER, SERVING, Bench
from tuner_figures.capacity import measuring as capacity
from tuner_figures.fidelity import measuring as fidelity
from tuner_figures.memory import measuring as memory
from tuner_figures.rates import measuring as rates
from tuner_figures.retune import measuring as retune
from tuner_figures.search import measuring as search

from modelservice_harness.commands import guarded, open_workshop, prepare
from modelservice_harness.locks import exclusive
from modelservice_harness.provision import Wanted
from modelservice_harness.workshop import Workshop

#: What measures each figure.
FIGURES: Mapping[str, Callable[[Bench], Iterator[Figures]]] = {
    "T1": search.measure,
    "T2": rates.measure,
    "T3": retune.measure,
    "T4": fidelity.measure,
    "T5": memory.measure,
    "T6": capacity.measure,
}
REPEATS = 5
ENVIRONMENTS = (SERVING, ANALYZER, "builder")
_PACKAGES = {
    SERVING: ("nvidia_pytriton", "onnxruntime", "openvino", "tritonclient"),
    ANALYZER: ("triton_model_analyzer",),
}


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
    parser.add_argument("figures", nargs="*", type=figure_of(FIGURES), help="none: all of them")
    parser.add_argument("--quick", action="store_true", help="a tenth of it; nothing is recorded")
    parser.add_argument("--model", action="append", default=[], help="default: all")
    parser.add_argument("--repeats", type=int, help=f"default: {REPEATS}, and 1 with --quick")
    parser.add_argument("--traces", type=Path, metavar="DIR", help="recorded traffic for T2, *.csv")
    parser.add_argument("--work", type=Path, help="default: in the project's cache")
    parser.add_argument("--out", type=Path, default=table.RESULTS)
    return parser


def _run(workshop: Workshop, options: argparse.Namespace) -> None:
    work = options.work or workshop.layout.cache / "benchmarks" / "tuner"
    out = work / "quick.json" if options.quick else options.out
    work.mkdir(parents=True, exist_ok=True)
    with exclusive(
        workshop.layout.clusters.parent / ".bench.lock",
        lambda: workshop.console.say("another benchmark runs, waiting"),
    ):
        host = machine()
        if (busy := host["loadAverageBefore"]) > BUSY:
            workshop.console.say(f"the machine is busy (load average {busy:g}): figures suffer")
        bench = _bench(workshop, options, work)
        head = Document(
            machine=host,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=project_versions(workshop.layout) | _versions(bench),
        )
        for name in options.figures or FIGURES:
            workshop.console.say(f"{name}: measuring")
            for found in FIGURES[name](bench):
                document.write(out, document.merged(document.read(out), found, head))
    _report(workshop, out)


def _bench(workshop: Workshop, options: argparse.Namespace, work: Path) -> Bench:
    provisioned = prepare(workshop, Wanted(environments=ENVIRONMENTS, project=True))
    return Bench(
        workshop=workshop,
        provisioned=provisioned,
        work=work.resolve(),
        quick=options.quick,
        repeats=options.repeats or (1 if options.quick else REPEATS),
        models=tuple(options.model),
        traces=options.traces,
    )


def _versions(bench: Bench) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, packages in _PACKAGES.items():
        found |= environment_versions(bench.provisioned.environments[name], packages)
    return found


def _report(workshop: Workshop, results: Path) -> None:
    found = document.read(results)
    if results == table.RESULTS:
        table.PAGE.write_text(table.markdown(found), encoding="utf-8")
    workshop.console.raw(f"\n{text_table(found)}\n\n{results}")


if __name__ == "__main__":
    sys.exit(main())
