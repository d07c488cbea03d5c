"""How much longer executions take for longer requests. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLength:
    """The lengths of a traffic, and what each means for the time of an execution.

    ``lengths``: ascending; ``shares`` of the requests, with the sum 1. ``factors``: a row for each
    length: time of an execution ÷ that of the service time's own curve, at each of ``batches``;
    straight lines between them, level beyond. ``padded``: requests of different lengths run as one
    batch that takes the time of its longest; else only equal ones do. ``rows``: of a request, on
    average.
    """

    lengths: tuple[int, ...]
    shares: tuple[float, ...]
    batches: tuple[int, ...]
    factors: tuple[tuple[float, ...], ...]
    padded: bool = False
    rows: float = 1.0

    def places(self, lengths: np.ndarray) -> np.ndarray:
        """Where each of ``lengths`` stands among these."""
        places: np.ndarray = np.searchsorted(self.lengths, lengths).astype(np.int64)
        return places

    def tables(self, curve: np.ndarray) -> np.ndarray:
        """``curve`` (by batch size from 0) for each length; never less for longer requests."""
        sizes: np.ndarray = np.arange(len(curve), dtype=float)
        rows = [np.interp(sizes, self.batches, factors) * curve for factors in self.factors]
        larger = np.maximum.accumulate(np.array(rows), axis=1)
        tables: np.ndarray = np.maximum.accumulate(larger, axis=0)
        return tables

    def full_batches(self, curve: np.ndarray) -> np.ndarray:
        """Mean time by batch size where requests of all lengths wait at all times."""
        shares = np.array(self.shares)
        requests: np.ndarray = np.ones(len(curve))
        if self.padded:
            requests = np.maximum(1.0, np.arange(len(curve)) / self.rows)
        # That all requests of a batch are at most so long, less that all are shorter.
        upto: np.ndarray = np.minimum(1.0, np.cumsum(shares))[:, None] ** requests
        weights: np.ndarray = np.diff(upto, axis=0, prepend=0.0)
        means: np.ndarray = (weights * self.tables(curve)).sum(axis=0)
        return means

    def means(self, curve: np.ndarray, executions: np.ndarray) -> np.ndarray:
        """Mean time by batch size where ``executions`` (length, batch size) were so many of each.

        A size that did not occur: as if its lengths were those of the nearest one that did.
        """
        tables = self.tables(curve)
        seen = np.flatnonzero(executions.sum(axis=0))
        if len(seen) == 0:
            return self.full_batches(curve)
        sizes = np.arange(len(curve))
        nearest = seen[np.abs(sizes[:, None] - seen).argmin(axis=1)]
        weights = executions[:, nearest]
        means: np.ndarray = (weights * tables).sum(axis=0) / weights.sum(axis=0)
        return means


def measured_lengths(lengths: tuple[int, ...], most: int = 4) -> tuple[int, ...]:
    """The smallest and the largest of them and some between, ``most`` in all."""
    ordered = sorted(lengths)
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered)))
    return tuple(dict.fromkeys(ordered[round(float(place))] for place in places))


def between(
    lengths: tuple[int, ...], known: dict[int, np.ndarray]
) -> tuple[tuple[float, ...], ...]:
    """A row of factors for each of ``lengths``, straight between those that are ``known``."""
    places = sorted(known)
    columns = np.array([known[place] for place in places])
    rows = [
        [float(np.interp(length, places, columns[:, column])) for column in range(columns.shape[1])]
        for length in lengths
    ]
    return tuple(tuple(row) for row in rows)
