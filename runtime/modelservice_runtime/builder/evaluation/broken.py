"""Outputs that cannot be scored, and the evidence that they give: it fails every goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


class NotScoredError(Exception):
    """A metric has no value for a candidate; in words. ``rows``: how many are concerned."""

    def __init__(self, words: str, rows: int = 1) -> None:
        super().__init__(words)
        self.rows = rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Evidence (see ``gate.evidence``) of a candidate that cannot be scored.

    ``words``: why; ``rows``: samples that are concerned, at least one.
    ``candidate_value``: the worst that the metric can be.
    """

    samples: int
    more_is_better: bool
    source_value: float
    candidate_value: float
    words: str
    rows: int

    @property
    def fewest(self) -> int:
        """It needs no more samples to fail."""
        return 1

    @property
    def unusable(self) -> tuple[int, int]:
        """The source model's are all right."""
        return 0, max(1, self.rows)

    def p_of_drop(self, margin: float) -> float:
        """It never passes."""
        del margin
        return 1.0

    def p_of_value(self, threshold: float) -> float:
        """It never passes."""
        del threshold
        return 1.0

    def drop_bounds(self, confidence: float) -> tuple[float, float]:
        """All is lost."""
        del confidence
        drop = self.source_value - self.candidate_value
        lost = drop if self.more_is_better else -drop
        return lost, lost

    def least(self, margin: float, confidence: float) -> int:
        """More samples do not help."""
        del margin, confidence
        return 1

    def enough(self, margin: float, confidence: float) -> int:
        """More samples do not help."""
        del margin, confidence
        return 1


def misfit(
    source: Mapping[str, np.ndarray], candidate: Mapping[str, np.ndarray]
) -> tuple[str, int]:
    """Why a candidate's outputs cannot be scored and for how many rows; ("", 0) if they can."""
    for name, expected in source.items():
        actual = candidate.get(name)
        if actual is None:
            return f"output {name!r} is missing", len(expected)
        if actual.dtype != expected.dtype or actual.shape != expected.shape:
            given, wanted = _kind(actual), _kind(expected)
            return f"output {name!r} is {given}, the source model's is {wanted}", len(expected)
        bad = rows_not_finite(actual)
        if bad:
            return f"output {name!r} has NaN or Inf for {bad} of {len(actual)} rows", bad
    return "", 0


def rows_not_finite(array: np.ndarray) -> int:
    """Rows that hold NaN or Inf."""
    if array.dtype.kind != "f" or array.size == 0:
        return 0
    return int(np.count_nonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1)))


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape)}"
