"""Do embeddings keep their nearest neighbours? For search and clustering."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from modelservice_runtime.builder.gate.evidence import Agreement, Evidence

from .given import Data
from .row_metrics import unit_rows

#: Rows whose similarities to all others are in memory at a time.
_QUERIES = 256
#: Two neighbours that are nearer to each other than this (cosine) are equally near.
TIE = 1e-6


def neighbour_agreement(
    part: Data, source: np.ndarray, *, output: str
) -> Callable[[np.ndarray], Evidence]:
    """The share of rows whose nearest other row is the source model's.

    Each model searches among its own embeddings of the part's rows, by cosine. Where the source
    model has several rows equally near, any of them is right. A row alone is its own neighbour.
    """
    del part, output
    before: np.ndarray = unit_rows(source).astype(np.float32)
    best = _similarities(before, nearest(before))
    return lambda candidate: Agreement(
        same=_similarities(before, nearest(unit_rows(candidate).astype(np.float32))) >= best - TIE
    )


def nearest(units: np.ndarray) -> np.ndarray:
    """For each row the number of the most similar other row (the first of equals).

    ``units``: rows of length 1.
    """
    places: np.ndarray = np.concatenate([found.argmax(axis=1) for found in _by_queries(units)])
    return places


def _by_queries(units: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(units), _QUERIES):
        queries = units[begin : begin + _QUERIES]
        similar = queries @ units.T
        rows = np.arange(len(queries))
        similar[rows, begin + rows] = -np.inf
        yield similar


def _similarities(units: np.ndarray, others: np.ndarray) -> np.ndarray:
    found: np.ndarray = (units * units[others]).sum(axis=1)
    return found
