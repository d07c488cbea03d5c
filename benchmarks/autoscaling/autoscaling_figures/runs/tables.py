"""Runs of several controllers on one load, and what chance may have made of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .running import Run

#: Minutes that stay together: longer than a start, a hold window and a burst.
BLOCK = 20
RESAMPLES = 200
#: Of the values, in the interval.
INSIDE = (2.5, 97.5)
_SEED = 20_261_128
_REQUESTS, _VIOLATIONS, _SECONDS = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """With the load known in advance: replica-seconds, share of violations."""

    cost: float
    missed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """By controller. ``blocks``: (requests, violations, replica-seconds) of each, seeds together.

    ``missed``, ``cost``: by seed. ``known``: likewise.
    """

    blocks: Mapping[str, np.ndarray]
    missed: Mapping[str, Sequence[float]]
    cost: Mapping[str, Sequence[float]]
    known: Sequence[Known]

    def point(self, name: str, weights: np.ndarray | None = None) -> tuple[float, float]:
        """(share of violations, replica-seconds); ``weights``: how often each block counts."""
        found = self.blocks[name]
        sums = found.sum(axis=0) if weights is None else weights @ found
        return float(sums[_VIOLATIONS] / max(1.0, sums[_REQUESTS])), float(sums[_SECONDS])

    @property
    def length(self) -> int:
        """Blocks."""
        return len(next(iter(self.blocks.values())))


def blocks(runs: Sequence[Run]) -> np.ndarray:
    """Sums over ``BLOCK`` minutes, of all seeds."""
    minutes = np.stack([
        np.stack([run.offered, run.violations, run.seconds], axis=1) for run in runs
    ]).sum(axis=0)  # fmt: skip
    edges = np.arange(0, len(minutes), BLOCK)
    found: np.ndarray = np.add.reduceat(minutes, edges, axis=0)
    return found


Weights = Mapping[str, np.ndarray]


def interval(
    tables: Mapping[str, Table], value: Callable[[Weights | None], float]
) -> tuple[float, float, float]:
    """(value, low, high): of the whole, and of as many blocks drawn anew from each load."""
    generator = np.random.default_rng(_SEED)
    found = []
    for _ in range(RESAMPLES):
        weights = {
            name: np.bincount(
                generator.integers(0, table.length, table.length), minlength=table.length
            ).astype(float)
            for name, table in tables.items()
        }
        found.append(value(weights))
    whole = value(None)
    known = [one for one in found if np.isfinite(one)]
    if not known:
        return whole, whole, whole
    low, high = np.percentile(known, INSIDE)
    return whole, min(whole, float(low)), max(whole, float(high))
