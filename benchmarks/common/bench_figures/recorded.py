"""Traffic that was recorded: CSV files with a column of requests for each service.

A first column ``second``, ``seconds`` or ``minute`` says when each line began; without one a line
is a second. Columns of tokens are not requests.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

TIMES = {"second": 1.0, "seconds": 1.0, "minute": 60.0}
LEAST_LINES = 10


class NotATraceError(ValueError):
    """The file says something else. The message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``counts``: requests of each line; ``seconds``: from one to the next."""

    name: str
    counts: tuple[float, ...]
    seconds: float


def read_folder(folder: Path) -> dict[str, dict[str, Series]]:
    """Series by file and column.

    Raises:
        NotATraceError: there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise NotATraceError(f"{folder}: no trace (*.csv) in it")
    return {path.stem: read_file(path) for path in paths}


def read_file(path: Path) -> dict[str, Series]:
    """Series by column.

    Raises:
        NotATraceError: it cannot be read, or is none.
    """
    try:
        return parsed(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotATraceError(f"{path}: {error}") from error


def parsed(name: str, text: str) -> dict[str, Series]:
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
        counts = tuple(_number(name, line, place) for line in lines)
        if min(counts) < 0:
            raise NotATraceError(f"{name}: {word} has less than no requests")
        title = name if word == "requests" else f"{name} {word}"
        found[word] = Series(name=title, counts=counts, seconds=seconds)
    return found


def _step(name: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> float:
    timed = [(place, TIMES[word]) for place, word in enumerate(columns) if word in TIMES]
    if not timed:
        return 1.0
    place, unit = timed[0]
    times = [unit * _number(name, line, place) for line in lines]
    steps = [after - before for before, after in pairwise(times)]
    if min(steps) <= 0 or not all(math.isclose(s, steps[0], rel_tol=1e-5) for s in steps):
        raise NotATraceError(
            f"{name}: the times of its lines must grow, by as much from each to the next"
        )
    return steps[0]


def _number(name: str, line: Sequence[str], place: int) -> float:
    try:
        value = float(line[place])
    except (IndexError, ValueError) as error:
        raise NotATraceError(f"{name}: no number in {line!r}") from error
    if not math.isfinite(value):
        raise NotATraceError(f"{name}: {value} in {line!r}")
    return value
