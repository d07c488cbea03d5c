"""Inside the environment ``simulation``: measures one figure, replays a trace, chooses windows.

``run.py`` starts it; figures are written as JSON, for it to put them into the results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench_figures import document
from bench_figures.document import Document
from bench_figures.recorded import NotATraceError
from bench_figures.rows import Figures

from .bench import Bench
from .budget import measuring as budget
from .decisions import measuring as decisions
from .faults import measuring as faults
from .known import measuring as known
from .loads.recorded import read_folder
from .real import measuring as real
from .real import sizing, windows
from .replay import measuring as replay
from .sensitivity import measuring as sensitivity
from .simulator.model import ModelOf
from .single import measuring as single

MEASURES: Mapping[str, Callable[[Bench], Iterator[Figures]]] = {
    "A": single.measure,
    "B": budget.measure,
    "C": faults.measure,
    "D": decisions.measure,
    "P": known.measure,
    "R": real.measure,
    "S": sensitivity.measure,
}


def main() -> int:
    """Measure, or replay; 2 for a trace that is none."""
    options = _parser().parse_args()
    try:
        if options.replay is not None:
            text = replay.replay(options.replay, _model(options), options.scale, options.out)
            sys.stdout.write(text)
            return 0
        files = read_folder(options.traces) if options.traces is not None else {}
    except NotATraceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.windows:
        options.out.write_text(sizing.dumps(windows.chosen(files)), encoding="utf-8")
        return 0
    bench = Bench(files=files, quick=options.quick, runs=options.runs)
    found = list(MEASURES[options.figure](bench))
    whole = Document(
        rows=tuple(row for item in found for row in item.rows),
        targets=tuple(target for item in found for target in item.targets),
    )
    document.write(options.out, whole)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", nargs="?", choices=sorted(MEASURES), default="A")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--windows", action="store_true", help="choose those of R")
    parser.add_argument("--runs", type=Path, help="what the real runs left")
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--base-ms", type=float, default=60.0)
    parser.add_argument("--row-ms", type=float, default=20.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--goal-ms", type=float, default=500.0)
    parser.add_argument("--start", type=float, default=60.0)
    parser.add_argument("--out", type=Path, required=True)
    return parser


def _model(options: argparse.Namespace) -> ModelOf:
    return ModelOf(
        base=options.base_ms / 1000,
        each=options.row_ms / 1000,
        batch=options.batch,
        goal=options.goal_ms / 1000,
        start=options.start,
    )


if __name__ == "__main__":
    sys.exit(main())
