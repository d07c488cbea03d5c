"""Latency of the source model beside the artifact: interleaved, each in its own process.

One engine rests while the other is timed; taking turns spreads whatever else the machine
does over both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from modelservice_runtime.contract.manifest import LatencyPair

from .timing import settled

#: All batch sizes together; the first call of each engine at each batch comes on top.
BUDGET_SECONDS = 9.0
ROUNDS = 7
_ROUND_SECONDS = 0.15


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
    artifact: Engine,
    inputs: dict[int, Path],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[LatencyPair, ...]:
    """One pair for each batch size in ``inputs`` (batch → file with that many rows)."""
    share = BUDGET_SECONDS / len(inputs)
    return tuple(
        _measure_one(source, artifact, batch, inputs=path, end=clock() + share, clock=clock)
        for batch, path in sorted(inputs.items())
    )


def _measure_one(
    source: Engine,
    artifact: Engine,
    batch: int,
    *,
    inputs: Path,
    end: float,
    clock: Callable[[], float],
) -> LatencyPair:
    for engine in (source, artifact):
        engine.time(inputs, 0.0)
    rounds: tuple[list[list[float]], list[list[float]]] = ([], [])
    while len(rounds[0]) < ROUNDS and (not rounds[0] or clock() < end):
        rounds[0].append(source.time(inputs, _ROUND_SECONDS))
        rounds[1].append(artifact.time(inputs, _ROUND_SECONDS))
    return LatencyPair(
        batch=batch,
        source_ms=round(settled(rounds[0]), 4),
        artifact_ms=round(settled(rounds[1]), 4),
    )
