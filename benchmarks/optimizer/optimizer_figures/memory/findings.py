"""Peaks beside frameworks → rows and the target of one case. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_figures.rows import Figures, Row, row, target

from .frameworks import MAKING, PARENT, RUNNING, SOURCE, Imports, Process

FIGURE = "O4"
#: What a build may need beside the framework: so many copies of the model, and so much more.
COPIES, MORE_MIB = 3, 256
PEAK, FRAMEWORK, BESIDE = "peak", "framework", "beside it"
TOGETHER = "all processes at one time, without what files back"
_KINDS = (PARENT, SOURCE, MAKING, RUNNING)
_MIB = 2**20


def allowed_mib(model_bytes: int) -> float:
    """What was promised for a model of this size."""
    return COPIES * model_bytes / _MIB + MORE_MIB


def figures(
    case: str,
    found: Sequence[Process],
    footprints: Mapping[Imports, int],
    *,
    model_bytes: int,
    together_bytes: int,
) -> Figures:
    """The worst process of each kind. ``footprints``: bytes of a bare process with the imports."""

    def beside(process: Process) -> int:
        return process.peak_bytes - footprints[process.imports]

    group = f"{FIGURE}.{case}"
    worst = [
        max((process for process in found if process.kind == kind), key=beside)
        for kind in _KINDS
        if any(process.kind == kind for process in found)
    ]
    rows = [item for process in worst for item in _rows(group, process, footprints)]
    rows.append(row(group, TOGETHER, "MiB", [together_bytes / _MIB]))
    rows.append(row(group, "the model", "MiB", [model_bytes / _MIB]))
    most = max(beside(process) for process in found) / _MIB
    what = f"{case}: most memory of a process beside its framework, MiB"
    promise = target(group, what, "<=", _rounded(allowed_mib(model_bytes)), most)
    return Figures(rows=tuple(rows), targets=(promise,))


def _rows(group: str, process: Process, footprints: Mapping[Imports, int]) -> list[Row]:
    of = process.kind if process.kind in {PARENT, SOURCE} else f"{process.kind} ({process.name})"
    bare = footprints[process.imports]
    values = {PEAK: process.peak_bytes, FRAMEWORK: bare, BESIDE: process.peak_bytes - bare}
    return [row(group, what, "MiB", [value / _MIB], of) for what, value in values.items()]


def _rounded(mib: float) -> float:
    return round(mib, 1)
