"""Recorded traffic: CSV files with the columns ``seconds`` and ``requests``.

``seconds`` since its start, ``requests`` that came from then until the next line, as the API's
``traceUri`` has it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from modelservice_harness.errors import HarnessError

from .arrivals import POISSON, Shape, bursty

#: So many steps at least make a shape; a coarser trace is run faster than it was recorded.
LEAST_STEPS = 10


def read(folder: Path | None) -> tuple[str, ...]:
    """The texts of the traces in a folder, by name; none without a folder.

    Raises:
        HarnessError: there is no trace in it.
    """
    if folder is None:
        return ()
    found = sorted(folder.glob("*.csv"))
    if not found:
        raise HarnessError(f"{folder}: no trace (*.csv) in it")
    return tuple(path.read_text(encoding="utf-8") for path in found)


def shapes(folder: Path | None, seconds: float) -> tuple[Shape, ...]:
    """Poisson, and what was recorded; without a recording, bursts that were made up.

    Raises:
        HarnessError: a trace cannot be read.
    """
    if folder is None:
        return (POISSON, bursty())
    names = sorted(path.stem for path in folder.glob("*.csv"))
    texts = read(folder)
    return (POISSON, *(parsed(n, t, seconds) for n, t in zip(names, texts, strict=True)))


def parsed(name: str, text: str, seconds: float) -> Shape:
    """The busiest ``seconds`` of the trace; all of it, faster, where its lines are too far apart.

    Raises:
        HarnessError: it is no such file, or nobody asked anything.
    """
    try:
        lines = [
            (float(line["seconds"]), float(line["requests"]))
            for line in csv.DictReader(io.StringIO(text))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(f"trace {name}: {error!r}; columns: seconds, requests") from error
    if len(lines) < LEAST_STEPS:
        raise HarnessError(f"trace {name}: {len(lines)} lines, at least {LEAST_STEPS} are needed")
    step = (lines[-1][0] - lines[0][0]) / (len(lines) - 1)
    counts = [count for _, count in lines]
    if step <= 0 or min(counts) < 0 or sum(counts) == 0:
        raise HarnessError(f"trace {name}: times must grow, and somebody must ask something")
    return Shape(name=name, steps=tuple(_busiest(counts, max(LEAST_STEPS, round(seconds / step)))))


def _busiest(counts: Sequence[float], length: int) -> Sequence[float]:
    if length >= len(counts) or length <= LEAST_STEPS:
        return counts
    starts = range(len(counts) - length + 1)
    best = max(starts, key=lambda start: sum(counts[start : start + length]))
    return counts[best : best + length]
