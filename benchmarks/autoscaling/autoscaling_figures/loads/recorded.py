"""Traffic that was recorded: CSV files with a column of requests for each service.

A first column ``second``, ``seconds`` or ``minute`` says when each line began; without one a line
is a second. Columns of tokens are not requests.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np

from autoscaling_figures.simulator.arrivals import Trace

TIMES = {"second": 1.0, "seconds": 1.0, "minute": 60.0}
#: Lines closer than this are added up: recorders' clocks tick more coarsely than they write.
LEAST_BIN = 5.0
LEAST_LINES = 10


class NotATraceError(ValueError):
    """The file says something else. The message names it."""


def read_folder(folder: Path) -> dict[str, dict[str, Trace]]:
    """Series by file and column.

    Raises:
        NotATraceError: there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise NotATraceError(f"{folder}: no trace (*.csv) in it")
    return {path.stem: read_file(path) for path in paths}


def read_file(path: Path) -> dict[str, Trace]:
    """Series by column.

    Raises:
        NotATraceError: it cannot be read, or is none.
    """
    try:
        return parsed(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotATraceError(f"{path}: {error}") from error


def parsed(name: str, text: str) -> dict[str, Trace]:
    """Series by column.

    Raises:
        NotATraceError: columns are missing, a line has no number, times do not grow evenly.
    """
    head, *lines = csv.reader(io.StringIO(text)) if text.strip() else [[]]
    columns = [word.strip().lower() for word in head]
    counted = {word: i for i, word in enumerate(columns) if word and word not in TIMES}
    counted = {word: place for word, place in counted.items() if "token" not in word}
    if not counted or len(lines) < LEAST_LINES:
        raise NotATraceError(
            f"{name}: a head with a column of requests, {LEAST_LINES} lines at least"
        )
    seconds = _step(name, columns, lines)
    found = {}
    for word, place in counted.items():
        counts = np.array([_number(name, line, place) for line in lines])
        if (counts < 0).any():
            raise NotATraceError(f"{name}: {word} has less than no requests")
        title = name if word == "requests" else f"{name} {word}"
        found[word] = _coarser(Trace(name=title, counts=counts, seconds=seconds))
    return found


def _step(name: str, columns: list[str], lines: list[list[str]]) -> float:
    timed = [(place, TIMES[word]) for place, word in enumerate(columns) if word in TIMES]
    if not timed:
        return 1.0
    place, unit = timed[0]
    times = np.array([_number(name, line, place) for line in lines]) * unit
    steps = np.diff(times)
    if (steps <= 0).any() or not np.allclose(steps, steps[0]):
        raise NotATraceError(
            f"{name}: the times of its lines must grow, by as much from each to the next"
        )
    return float(steps[0])


def _number(name: str, line: list[str], place: int) -> float:
    try:
        value = float(line[place])
    except (IndexError, ValueError) as error:
        raise NotATraceError(f"{name}: no number in {line!r}") from error
    if not math.isfinite(value):
        raise NotATraceError(f"{name}: {value} in {line!r}")
    return value


def _coarser(trace: Trace) -> Trace:
    together = max(1, math.ceil(LEAST_BIN / trace.seconds))
    if together == 1:
        return trace
    whole = len(trace.counts) // together * together
    counts = trace.counts[:whole].reshape(-1, together).sum(axis=1)
    return Trace(name=trace.name, counts=counts, seconds=trace.seconds * together)
