"""A score for each row, for a search among layers: more is better, a mean over rows is the metric.

It guides where accuracy is lost and decides nothing: the gate judges by the metric itself. A
metric that is no mean over rows has the nearest one that is.

=====================  ==================================================================
metric                 a row's score
=====================  ==================================================================
Accuracy               right or wrong (share of the row's positions, where it has many)
MacroF1, EntityF1      likewise
Top1Agreement          the source model's class or another one
NeighbourAgreement     nearest among the source model's other rows: the same one or another
Cosine                 cosine to the source model's output
MeanAbsoluteError      minus the mean distance to the label, or to the source model's output
=====================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.builder.evaluation.answers import IGNORED, classes_in, threshold_of
from modelservice_runtime.builder.evaluation.row_metrics import cosines, unit_rows
from modelservice_runtime.contract.requests import (
    ACCURACY,
    COSINE,
    ENTITY_F1,
    MACRO_F1,
    MEAN_ABSOLUTE_ERROR,
    NEIGHBOUR_AGREEMENT,
    TOP1_AGREEMENT,
)

from .base import CannotProduceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """``reference``: the source model's output for all rows; ``labels``: or None."""

    metric: str
    reference: np.ndarray
    labels: np.ndarray | None = None

    def scores(self, actual: np.ndarray, first: int) -> np.ndarray:
        """A score for each of the rows ``first``, ``first + 1`` … whose output is ``actual``.

        Raises:
            CannotProduceError: this metric cannot guide, or has no labels.
        """
        score = _SCORES.get(self.metric)
        if score is None:
            raise CannotProduceError(f"the metric {self.metric} cannot guide a search among layers")
        return score(self, actual, slice(first, first + len(actual)))

    def classes(self, output: np.ndarray) -> np.ndarray:
        """Class numbers, as the metrics see them."""
        return classes_in(output, threshold_of(self.reference))

    def wanted(self, rows: slice) -> np.ndarray:
        """The labels.

        Raises:
            CannotProduceError: there are none.
        """
        if self.labels is None:
            raise CannotProduceError(f"the metric {self.metric} needs labels")
        return self.labels[rows]


def _right(guide: Guide, actual: np.ndarray, rows: slice) -> np.ndarray:
    return _shares(guide.classes(actual), guide.wanted(rows))


def _agrees(guide: Guide, actual: np.ndarray, rows: slice) -> np.ndarray:
    return _shares(guide.classes(actual), guide.classes(guide.reference[rows]))


def _neighbour(guide: Guide, actual: np.ndarray, rows: slice) -> np.ndarray:
    everything = unit_rows(guide.reference)
    others = np.arange(len(everything))[rows]
    found = _nearest(unit_rows(actual), everything, others)
    same: np.ndarray = found == _nearest(everything[rows], everything, others)
    return same.astype(np.float64)


def _cosine(guide: Guide, actual: np.ndarray, rows: slice) -> np.ndarray:
    return cosines(guide.reference[rows], actual)


def _near(guide: Guide, actual: np.ndarray, rows: slice) -> np.ndarray:
    wanted = guide.reference[rows] if guide.labels is None else guide.labels[rows]
    distance = np.abs(_flat(actual) - _flat(wanted.reshape(actual.shape)))
    negative: np.ndarray = -distance.mean(axis=1)
    return negative


_SCORES: Mapping[str, Callable[[Guide, np.ndarray, slice], np.ndarray]] = {
    ACCURACY: _right,
    MACRO_F1: _right,
    ENTITY_F1: _right,
    TOP1_AGREEMENT: _agrees,
    NEIGHBOUR_AGREEMENT: _neighbour,
    COSINE: _cosine,
    MEAN_ABSOLUTE_ERROR: _near,
}
#: Metrics that can guide.
KNOWN = frozenset(_SCORES)


def _shares(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Of each row's positions that count, the share that is right; 1 where none counts."""
    found, wanted = found.reshape(len(found), -1), wanted.reshape(len(found), -1)
    counted = wanted != IGNORED
    right = ((found == wanted) & counted).sum(axis=1)
    total = counted.sum(axis=1)
    shares: np.ndarray = np.where(total > 0, right / np.maximum(total, 1), 1.0)
    return shares


def _flat(output: np.ndarray) -> np.ndarray:
    return output.reshape(len(output), -1).astype(np.float64)


def _nearest(queries: np.ndarray, everything: np.ndarray, selves: np.ndarray) -> np.ndarray:
    similar = queries @ everything.T
    similar[np.arange(len(queries)), selves] = -np.inf
    nearest: np.ndarray = similar.argmax(axis=1)
    return nearest
