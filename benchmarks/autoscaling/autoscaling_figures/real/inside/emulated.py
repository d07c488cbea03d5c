"""A device that takes as long as a GPU would: the runner's engines wait, and compute beside it.

Runs in Triton's Python backend, beside the runner's own files (``image.py`` puts it there). One
device for a pod: executions take turns, whichever instance they are of. Milliseconds of an
execution and of each row in it, and seconds that a model takes to get there, are variables.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BASE_MS, ROW_MS, LOAD_SECONDS = "EMULATED_BASE_MS", "EMULATED_ROW_MS", "EMULATED_LOAD_SECONDS"

Load = Callable[[Any], Any]


def emulated(load: Load) -> Load:
    """The runner's ``load``, of engines on such a device."""

    def loading(served: Any) -> Device:  # noqa: ANN401 - the runner's own type
        time.sleep(_number(LOAD_SECONDS))
        return Device(load(served), _number(BASE_MS) / 1e3, _number(ROW_MS) / 1e3)

    return loading


class Device:
    """An engine. ``base``, ``row``: seconds of an execution, and of each row in it."""

    def __init__(self, engine: Any, base: float, row: float) -> None:  # noqa: ANN401 - likewise
        self._engine = engine
        self._base = base
        self._row = row
        self._turn = Path(tempfile.gettempdir()) / "emulated-device"

    def run(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """All outputs of one batch."""
        with self._turn.open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            rows = len(next(iter(arrays.values())))
            end = time.monotonic() + self._base + self._row * rows
            outputs: dict[str, Any] = self._engine.run(arrays)
            time.sleep(max(0.0, end - time.monotonic()))
        return outputs


def _number(name: str) -> float:
    return float(os.environ.get(name, "0"))
