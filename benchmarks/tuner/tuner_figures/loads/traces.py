"""Recorded traffic as the shape of a window: of each file its busiest series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from bench_figures.recorded import NotATraceError, Series, read_folder

from modelservice_harness.errors import HarnessError

from .arrivals import POISSON, Shape, bursty

#: So many lines of a trace at least make a shape, run faster where they took longer than a window:
#: a few seconds at the same rate are only Poisson arrivals again.
LEAST_STEPS = 60


def read(folder: Path | None) -> tuple[Series, ...]:
    """The traces in a folder, by name; none without a folder.

    Raises:
        HarnessError: there is no trace in it, one cannot be read, or nobody asked anything.
    """
    if folder is None:
        return ()
    try:
        return tuple(_busiest_of(name, found) for name, found in read_folder(folder).items())
    except NotATraceError as error:
        raise HarnessError(str(error)) from error


def _busiest_of(name: str, found: Mapping[str, Series]) -> Series:
    series = max(found.values(), key=lambda one: sum(one.counts))
    if not sum(series.counts):
        raise NotATraceError(f"{name}: nobody asks anything in it")
    return series


def shapes(recorded: Sequence[Series], seconds: float) -> tuple[Shape, ...]:
    """Poisson, and what was recorded; without a recording, bursts that were made up.

    ``seconds``: of a window.
    """
    if not recorded:
        return (POISSON, bursty())
    return (POISSON, *(shape(series, seconds) for series in recorded))


def shape(series: Series, seconds: float) -> Shape:
    """The busiest ``seconds`` of it, or ``LEAST_STEPS`` lines, whichever is longer."""
    length = min(len(series.counts), max(LEAST_STEPS, round(seconds / series.seconds)))
    before = [0.0, *accumulate(series.counts)]
    starts = range(len(series.counts) - length + 1)
    start = max(starts, key=lambda first: before[first + length] - before[first])
    return Shape(name=series.name, steps=series.counts[start : start + length])
