"""Rows of a safetensors file, a few at a time: what is not read is not in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from .base import CannotProduceError, Work

#: More rows move the ranges of activations little and cost time in proportion.
MOST_ROWS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """Arrays ``prefix + name`` for each of ``names``, rows first; ``rows`` of them are used."""

    path: Path
    names: tuple[str, ...]
    rows: int
    prefix: str = ""

    def read(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Rows ``first`` (from 0) to ``last`` (not included)."""
        with safe_open(self.path, framework="np") as opened:
            slices = {name: opened.get_slice(self.prefix + name) for name in self.names}
            return {name: part[first : min(last, self.rows)] for name, part in slices.items()}

    def batches(self, size: int) -> Iterator[dict[str, np.ndarray]]:
        """All rows, ``size`` at a time; the last batch may be smaller."""
        for first in range(0, self.rows, size):
            yield self.read(first, first + size)


def calibration(work: Work, names: tuple[str, ...], most: int = MOST_ROWS) -> RowFile:
    """The calibration part for a model with inputs ``names``.

    Raises:
        CannotProduceError: there is none.
    """
    if work.calibration is None:
        raise CannotProduceError("it needs calibration data, and there are none")
    return open_rows(work.calibration, names, most)


def open_rows(path: Path, names: tuple[str, ...], most: int, prefix: str = "") -> RowFile:
    """The first ``most`` rows of the file.

    Raises:
        CannotProduceError: an input is missing, or there are no rows.
    """
    with safe_open(path, framework="np") as opened:
        missing = [name for name in names if prefix + name not in opened.keys()]  # noqa: SIM118
        if missing:
            raise CannotProduceError(f"{path.name} has no rows for input {missing[0]!r}")
        counts = [opened.get_slice(prefix + name).get_shape()[0] for name in names]
    rows = min(most, *counts)
    if rows < 1:
        raise CannotProduceError(f"{path.name} has no rows")
    return RowFile(path=path, names=names, rows=rows, prefix=prefix)
