"""What a model answers to a whole population: computed once, kept in the work folder.

Runs in the builder's environment, in ONNX Runtime as the builder and the serving pod run it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from .population import Population

_BATCH = 32
_SAY_EVERY_SECONDS = 15.0


def answers(
    model: Path, population: Population, path: Path, say: Callable[[str], None]
) -> np.ndarray:
    """The first output for all rows, mapped from the file ``path``; made if it is not there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(_session(model), population, path, say)
    found: np.ndarray = np.load(path, mmap_mode="r")
    return found


def _write(session: Any, population: Population, path: Path, say: Callable[[str], None]) -> None:  # noqa: ANN401
    total, said = len(population), time.monotonic()
    part = path.with_suffix(".part")
    target: np.ndarray | None = None
    for first in range(0, total, _BATCH):
        last = min(first + _BATCH, total)
        (found,) = session.run(None, dict(population.rows(first, last)))
        if target is None:
            shape = (total, *found.shape[1:])
            target = np.lib.format.open_memmap(part, "w+", found.dtype, shape)
        target[first:last] = found
        if time.monotonic() - said > _SAY_EVERY_SECONDS:
            said = time.monotonic()
            say(f"{last} of {total} rows")
    if target is None:
        raise ValueError("the population has no rows")
    target.flush()
    part.replace(path)


def _session(model: Path) -> Any:  # noqa: ANN401 - untyped package
    """One thread, all optimizations: as a candidate is opened."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
