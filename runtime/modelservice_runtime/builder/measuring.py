"""Latency of a candidate beside the source model: interleaved, each in its own process.

One engine rests while the other is timed; taking turns spreads whatever else the machine
does over both. Each round gives one ratio; the interval of the speed-up is that of their median,
by order statistics, which no disturbed round can move far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import comb
from pathlib import Path
from statistics import median
from typing import Protocol

from modelservice_runtime.contract.manifest import LatencyPair

from .timing import settled

#: All batch sizes together; the first call of each engine at each batch comes on top.
BUDGET_SECONDS = 9.0
#: With fewer than six, not even the whole range of the ratios has 95 % confidence.
ROUNDS_LEAST = 6
ROUNDS = 9
_ROUND_SECONDS = 0.12
_CONFIDENCE = 0.95


class Engine(Protocol):
    """What can be timed: milliseconds of each call on the tensors in ``inputs``."""

    def time(self, inputs: Path, seconds: float) -> list[float]:
        """Call for about ``seconds``, at least once."""
        ...


def batches(max_batch_size: int) -> tuple[int, ...]:
    """Where latency is measured: 1, 8 and the maximum, as far as they are allowed."""
    return tuple(sorted({1, min(8, max_batch_size), max_batch_size}))


def measure(
    source: Engine,
    candidate: Engine,
    inputs: dict[int, Path],
    clock: Callable[[], float] = time.monotonic,
    budget_seconds: float = BUDGET_SECONDS,
) -> tuple[LatencyPair, ...]:
    """One pair for each batch size in ``inputs`` (batch → file with that many rows)."""
    share = budget_seconds / len(inputs)
    return tuple(
        _measure_one(source, candidate, batch, inputs=path, end=clock() + share, clock=clock)
        for batch, path in sorted(inputs.items())
    )


def _measure_one(
    source: Engine,
    candidate: Engine,
    batch: int,
    *,
    inputs: Path,
    end: float,
    clock: Callable[[], float],
) -> LatencyPair:
    for engine in (source, candidate):
        engine.time(inputs, 0.0)
    theirs: list[list[float]] = []
    ours: list[list[float]] = []
    while len(ours) < ROUNDS and (len(ours) < ROUNDS_LEAST or clock() < end):
        theirs.append(source.time(inputs, _ROUND_SECONDS))
        ours.append(candidate.time(inputs, _ROUND_SECONDS))
    ratios = [median(a) / max(median(b), 1e-9) for a, b in zip(theirs, ours, strict=True)]
    low, high = median_interval(ratios)
    return LatencyPair(
        batch=batch,
        source_ms=round(settled(theirs), 4),
        artifact_ms=round(settled(ours), 4),
        speedup_low=round(low, 4),
        speedup_high=round(high, 4),
    )


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Bounds of the true median with at least 95 % confidence, from order statistics.

    With fewer than six values the whole range, which then has less.
    """
    ordered, count = sorted(values), len(values)
    cut = 0
    while cut + 1 <= (count - 1) // 2 and _outside(count, cut + 1) <= 1 - _CONFIDENCE:
        cut += 1
    return ordered[cut], ordered[count - 1 - cut]


def _outside(count: int, cut: int) -> float:
    """How likely the true median lies outside of the values number ``cut`` from both ends."""
    return float(2 * sum(comb(count, below) for below in range(cut + 1)) / 2**count)


def speedup(pairs: Sequence[LatencyPair]) -> float:
    """Geometric mean of source time ÷ artifact time over the batch sizes; 0 without any."""
    if not pairs:
        return 0.0
    product = 1.0
    for pair in pairs:
        product *= pair.source_ms / max(pair.artifact_ms, 1e-9)
    return float(product ** (1 / len(pairs)))
