"""Many rows through a model, a batch at a time; the arrays travel as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from .evaluation.spilling import forget
from .tensors import Arrays, write

#: A batch as it is served; more rows at a time would only take more memory.
ROWS_MOST = 32


class Runner(Protocol):
    """A model in a process of its own."""

    def run(self, inputs: Path, outputs: Path) -> Arrays:
        """The outputs for the tensors in the file ``inputs``."""
        ...


def write_batches(arrays: Mapping[str, np.ndarray], rows: int, folder: Path) -> tuple[Path, ...]:
    """The rows of ``arrays`` in files of ``rows`` rows (the last one may have fewer), in order."""
    folder.mkdir(parents=True, exist_ok=True)
    total = len(next(iter(arrays.values()))) if arrays else 0
    paths = []
    for number, begin in enumerate(range(0, total, rows)):
        path = folder / f"{number:05d}.safetensors"
        write(path, {name: array[begin : begin + rows] for name, array in arrays.items()})
        paths.append(path)
        for array in arrays.values():
            forget(array)
    return tuple(paths)


def run_all(model: Runner, batches: Sequence[Path], scratch: Path) -> Arrays:
    """The outputs for all rows of ``batches``, one below the other. ``scratch``: a file."""
    parts = [model.run(batch, scratch) for batch in batches]
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def not_finite(outputs: Mapping[str, np.ndarray]) -> tuple[str, int]:
    """The output with most rows that hold NaN or Inf, and how many; ("", 0) without any."""
    worst, most = "", 0
    for name, array in outputs.items():
        if not np.issubdtype(array.dtype, np.floating):
            continue
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if int(bad.sum()) > most:
            worst, most = name, int(bad.sum())
    return worst, most
