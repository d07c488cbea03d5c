"""Measures the figures of the tuner; writes results.json and the figures of docs/tuner.md.

    PYTHONPATH=harness:demo:runtime python3.11 benchmarks/tuner/run.py [T1 …] [--quick]

T1 what a search finds and costs, beside Model Analyzer in all its modes or in some of them
(``--modes quick,optuna``); T2 what a pick carries at random arrivals; T3 retuning without loss;
T3.operator the same through the operator; T4 the simulation beside the server; T5 the memory plan;
T6 capacity behind a Service; T7 what a limit on waiting costs. T1 to T5 model by model (``--model
digits``), T3.operator, T6 and T7 on a local cluster, the same one where all are measured. What is
not measured keeps its earlier rows and dates. It can be stopped and run again: searches that ended
are kept in the work folder. ``--quick`` does a tenth of it, to see that everything runs, and writes
neither file.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import table  # puts what all benchmarks share on the path
from bench_figures import document
from bench_figures.command_line import figure_of, take_signals
from bench_figures.document import Document
from bench_figures.machine import BUSY, environment_versions, machine, project_versions
from bench_figures.page import text_table
from bench_figures.recorded import Series
from bench_figures.rows import Figures
from tuner_figures.bench import ANALYZER, SERVING, Bench
from tuner_figures.capacity import measuring as capacity
from tuner_figures.fidelity import measuring as fidelity
from tuner_figures.ground.cluster import Ground, ground
from tuner_figures.limits import measuring as limits
from tuner_figures.loads import traces
from tuner_figures.memory import measuring as memory
from tuner_figures.operated import measuring as operated
from tuner_figures.peers.modes import MODES, QUICK, Mode, named
from tuner_figures.rates import measuring as rates
from tuner_figures.retune import measuring as retune
from tuner_figures.search import measuring as search

from modelservice_harness.commands import guarded, open_workshop, prepare
from modelservice_harness.console import clock_text
from modelservice_harness.locks import exclusive
from modelservice_harness.provision import Wanted
from modelservice_harness.workshop import Workshop

#: What measures each figure.
FIGURES: Mapping[str, Callable[[Bench], Iterator[Figures]]] = {
    "T1": search.measure,
    "T2": rates.measure,
    "T3": retune.measure,
    "T3.operator": operated.measure,
    "T4": fidelity.measure,
    "T5": memory.measure,
    "T6": capacity.measure,
    "T7": limits.measure,
}
#: What suits each in about a quarter of an hour, but T1, whose peers take longer; T4 and T5 do each
#: of many configurations once.
REPEATS: Mapping[str, int] = {
    "T1": 1, "T2": 1, "T3": 2, "T3.operator": 5, "T4": 1, "T5": 1, "T6": 2, "T7": 2,
}  # fmt: skip
#: Whose picks T2 measures beside ours where nothing is said.
CARRIED = (QUICK,)
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
    parser.add_argument(
        "--modes", type=modes_of, metavar="MODE,…",
        help=f"of Model Analyzer, {','.join(mode.word for mode in MODES)}; default: T1 all, T2"
        f" {','.join(mode.word for mode in CARRIED)}",
    )  # fmt: skip
    parser.add_argument(
        "--repeats", type=int,
        help=f"default: {_words(REPEATS)}; 1 with --quick; of T1 not those by brute force",
    )  # fmt: skip
    parser.add_argument(
        "--traces",
        type=Path,
        metavar="DIR",
        help="recorded traffic for T2, *.csv; of each file its busiest series",
    )
    parser.add_argument("--work", type=Path, help="default: in the project's cache")
    parser.add_argument("--out", type=Path, default=table.RESULTS)
    return parser


def modes_of(text: str) -> tuple[Mode, ...]:
    """For argparse: some of Model Analyzer's modes, separated by commas."""
    try:
        return named(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _words(repeats: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in repeats.items())


def _run(workshop: Workshop, options: argparse.Namespace) -> None:
    work = options.work or workshop.layout.cache / "benchmarks" / "tuner"
    out = work / "quick.json" if options.quick else options.out
    work.mkdir(parents=True, exist_ok=True)
    recorded = traces.read(options.traces)
    with exclusive(
        workshop.layout.clusters.parent / ".bench.lock",
        lambda: workshop.console.say("another benchmark runs, waiting"),
    ):
        host = machine()
        if (busy := host["loadAverageBefore"]) > BUSY:
            workshop.console.say(f"the machine is busy (load average {busy:g}): figures suffer")
        with ground(workshop) as cluster:
            bench = _bench(workshop, options, recorded, work, cluster)
            _measure(bench, options, out, host)
    _report(workshop, out)


def _measure(bench: Bench, options: argparse.Namespace, out: Path, host: Mapping[str, Any]) -> None:
    head = Document(
        machine=host,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=project_versions(bench.workshop.layout) | _versions(bench),
    )
    for name in options.figures or FIGURES:
        repeats = options.repeats or (1 if options.quick else REPEATS[name])
        began = time.monotonic()
        bench.say(f"{name}: measuring")
        modes = options.modes or (CARRIED if name == "T2" else MODES)
        for found in FIGURES[name](replace(bench, repeats=repeats, modes=modes)):
            document.write(out, document.merged(document.read(out), found, head))
        bench.say(f"{name}: measured in {clock_text(time.monotonic() - began)}")


def _bench(
    workshop: Workshop,
    options: argparse.Namespace,
    recorded: tuple[Series, ...],
    work: Path,
    cluster: Ground,
) -> Bench:
    provisioned = prepare(workshop, Wanted(environments=ENVIRONMENTS, project=True))
    return Bench(
        workshop=workshop,
        provisioned=provisioned,
        work=work.resolve(),
        quick=options.quick,
        repeats=1,
        ground=cluster,
        models=tuple(options.model),
        modes=options.modes or MODES,
        traces=recorded,
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
