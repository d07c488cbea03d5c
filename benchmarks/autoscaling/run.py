"""Simulates the balancer beside others; writes results.json and the figures of docs/autoscaling.md.

    PYTHONPATH=harness:demo python3.11 benchmarks/autoscaling/run.py [A …] [--traces DIR] [--quick]
    PYTHONPATH=harness:demo python3.11 benchmarks/autoscaling/run.py R [--traces DIR] [--recorded]
    PYTHONPATH=harness:demo python3.11 benchmarks/autoscaling/run.py --replay my-trace.csv

A one service; B several on few GPUs; C faults and steps; D how long a decision takes; P the
simulated peers beside what is known of the real ones; S what each of our constants is worth. R is
real: on a local cluster beside Kubernetes' own HPA, an hour and a half in which this machine should
do nothing else, and only when it is named; ``--recorded`` reads again what its last run left. What
is not measured keeps its earlier rows and dates. Without ``--traces`` all traffic is made up,
from seeds. All of it takes one to two hours on one core with recorded traffic, a third of that
without; ``--quick`` does a tenth of it, to see that everything runs, and writes neither file.

``--replay``: what a trace of yours (CSV: ``second`` or ``minute``, ``requests``) would have cost
with this balancer, with an HPA and with others: a table here, a page with a picture in ``--out``.
Say what your model takes with ``--base-ms`` and ``--row-ms`` (an execution, and each row in it),
``--batch``, ``--goal-ms`` and ``--start``; ``--scale`` multiplies the requests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import table  # puts what all benchmarks share on the path
from autoscaling_figures.real import running, sizing
from bench_figures import document
from bench_figures.command_line import figure_of, take_signals
from bench_figures.document import Document
from bench_figures.machine import BUSY, environment_versions, machine, project_versions
from bench_figures.page import text_table
from bench_figures.rows import Figures

from modelservice_harness.commands import guarded, open_workshop, prepare
from modelservice_harness.console import clock_text
from modelservice_harness.errors import HarnessError
from modelservice_harness.locks import exclusive
from modelservice_harness.provision import Wanted
from modelservice_harness.workshop import Workshop

SIMULATED = ("A", "B", "C", "D", "P", "S")
REAL = "R"
FIGURES = (*SIMULATED, REAL)
ENVIRONMENT = "simulation"
_PACKAGES = ("numba", "numpy", "scipy")
#: Of a replayed model, handed on as they are.
_MODEL = ("base_ms", "row_ms", "batch", "goal_ms", "start", "scale")


def main() -> int:
    """Parse the command line and measure."""
    options = _parser().parse_args()
    take_signals()
    workshop = open_workshop(os.environ)
    todo = _replay if options.replay else _run
    return guarded(lambda: todo(workshop, options), workshop.console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", type=figure_of(FIGURES), help="none: all but R")
    parser.add_argument("--quick", action="store_true", help="a tenth of it; nothing is recorded")
    parser.add_argument("--traces", type=Path, metavar="DIR", help="recorded traffic, *.csv")
    parser.add_argument("--recorded", action="store_true", help="R: without a new run")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="a trace of your own")
    parser.add_argument(
        "--scale", type=_positive, default=1.0, help="times the requests of --replay"
    )
    parser.add_argument("--base-ms", type=_positive, default=60.0, help="of an execution")
    parser.add_argument("--row-ms", type=_positive, default=20.0, help="of each row in it")
    parser.add_argument("--batch", type=int, choices=range(1, 1025), metavar="N", default=8)
    parser.add_argument("--goal-ms", type=_positive, default=500.0, help="for 99 of 100 requests")
    parser.add_argument("--start", type=_positive, default=60.0, help="seconds, of a replica")
    parser.add_argument("--work", type=Path, help="default: in the project's cache")
    parser.add_argument("--out", type=Path, help="default: results.json; with --replay a page")
    return parser


def _positive(word: str) -> float:
    value = float(word)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{word} is not above 0")
    return value


def _run(workshop: Workshop, options: argparse.Namespace) -> None:
    work = options.work or workshop.layout.cache / "benchmarks" / "autoscaling"
    out = work / "quick.json" if options.quick else options.out or table.RESULTS
    work.mkdir(parents=True, exist_ok=True)
    with exclusive(
        workshop.layout.clusters.parent / ".bench.lock",
        lambda: workshop.console.say("another benchmark runs, waiting"),
    ):
        host = machine()
        if (busy := host["loadAverageBefore"]) > BUSY:
            workshop.console.say(f"the machine is busy (load average {busy:g}): D suffers")
        environment = prepare(workshop, Wanted(environments=(ENVIRONMENT,))).environments[
            ENVIRONMENT
        ]
        head = Document(
            machine=host,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=project_versions(workshop.layout)
            | environment_versions(environment, _PACKAGES),
        )
        for name in options.figures or SIMULATED:
            began = time.monotonic()
            part = work / f"{name}.json"
            arguments = [name, "--out", str(part), *(["--quick"] if options.quick else [])]
            if options.traces is not None:
                arguments += ["--traces", str(options.traces.resolve())]
            if name == REAL:
                arguments += ["--runs", str(_real(workshop, environment, options, work))]
            _inside(workshop, environment, arguments)
            measured = document.read(part)
            found = Figures(rows=measured.rows, targets=measured.targets)
            document.write(out, document.merged(document.read(out), found, head))
            workshop.console.say(f"{name}: measured in {clock_text(time.monotonic() - began)}")
    found_all = document.read(out)
    if out == table.RESULTS:
        table.PAGE.write_text(table.markdown(found_all), encoding="utf-8")
    workshop.console.raw(f"\n{text_table(found_all)}\n\n{out}")


def _real(workshop: Workshop, environment: Path, options: argparse.Namespace, work: Path) -> Path:
    """Run it on a local cluster; the folder with what it left."""
    folder = work.resolve() / ("quick" if options.quick else "real")
    if options.recorded:
        return folder
    chosen = work / "windows.json"
    arguments = ["--windows", "--out", str(chosen)]
    if options.traces is not None:
        arguments += ["--traces", str(options.traces.resolve())]
    _inside(workshop, environment, arguments)
    windows = sizing.loads(chosen.read_text(encoding="utf-8"))
    running.run(workshop, folder, windows, quick=options.quick)
    return folder


def _replay(workshop: Workshop, options: argparse.Namespace) -> None:
    out = (options.out or Path(f"{options.replay.stem}.html")).resolve()
    environment = prepare(workshop, Wanted(environments=(ENVIRONMENT,))).environments[ENVIRONMENT]
    arguments = ["--replay", str(options.replay.resolve()), "--out", str(out)]
    for name in _MODEL:
        arguments += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    _inside(workshop, environment, arguments)
    workshop.console.raw(f"{out}")


def _inside(workshop: Workshop, environment: Path, arguments: list[str]) -> None:
    """Run it where numba and scipy are.

    Raises:
        HarnessError: it failed, and has said why.
    """
    root = workshop.layout.repository
    folders = ("operator", "runtime", "benchmarks/common", "benchmarks/autoscaling")
    kept = workshop.layout.cache / "benchmarks" / "autoscaling" / "numba"
    done = subprocess.run(  # noqa: S603 - our own words
        [str(environment / "bin" / "python"), "-m", "autoscaling_figures", *arguments],
        check=False,
        env={
            **workshop.environ,
            "PYTHONPATH": os.pathsep.join(str(root / folder) for folder in folders),
            "NUMBA_CACHE_DIR": str(kept),
            # One core: what is measured here is to leave the others alone.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    if done.returncode:
        raise HarnessError(f"the simulation ended with {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
