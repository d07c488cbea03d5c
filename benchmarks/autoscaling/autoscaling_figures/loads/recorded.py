"""Recorded traffic as the simulator takes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from bench_figures import recorded

from autoscaling_figures.simulator.arrivals import Trace

#: Lines closer than this are added up: recorders' clocks tick more coarsely than they write.
LEAST_BIN = 5.0


def read_folder(folder: Path) -> dict[str, dict[str, Trace]]:
    """Traces by file and column.

    Raises:
        NotATraceError: there is none, or one cannot be read.
    """
    return {name: _traces(series) for name, series in recorded.read_folder(folder).items()}


def read_file(path: Path) -> dict[str, Trace]:
    """Traces by column.

    Raises:
        NotATraceError: it cannot be read, or is none.
    """
    return _traces(recorded.read_file(path))


def _traces(series: Mapping[str, recorded.Series]) -> dict[str, Trace]:
    return {column: coarser(one) for column, one in series.items()}


def coarser(series: recorded.Series) -> Trace:
    """In bins of ``LEAST_BIN`` seconds at least; lines that fill none are left out."""
    counts, together = np.array(series.counts), max(1, math.ceil(LEAST_BIN / series.seconds))
    whole = len(counts) // together * together
    counts = counts[:whole].reshape(-1, together).sum(axis=1)
    return Trace(name=series.name, counts=counts, seconds=series.seconds * together)
