"""F1 from counts, over the units that were labelled (sentences, samples …).

F1 is no mean over samples, so it is recomputed for every resample of the units (``mixtures``).
The made-up unit is the one whose loss would cost most: the sentence with the most entities, a
sample of the rarest class. With an average one, a candidate that loses just these would pass by
never having met one (Fay and Feuer, Statistics in Medicine 16 (1997), 791-801, bound weighted
sums of counts in the same way).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import enough, means
from .mixtures import mixtures, share_beyond

#: Fewer than this many units tell nothing about an F1.
FEWEST = 30
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """Counts for each unit and class: integer arrays (units, classes, 3).

    The last axis: true positives, false positives, false negatives. One class gives the micro
    average, several the macro average.
    """

    source: Any
    candidate: Any
    seed: int

    def __post_init__(self) -> None:
        if self.source.shape != self.candidate.shape:
            raise ValueError(f"tallies: {self.source.shape} beside {self.candidate.shape}")

    @property
    def samples(self) -> int:
        """Units."""
        return len(self.source)

    @property
    def fewest(self) -> int:
        """F1 of fewer is nothing to judge by."""
        return FEWEST

    @property
    def more_is_better(self) -> bool:
        """F1."""
        return True

    @property
    def source_value(self) -> float:
        """From 0 to 1."""
        return float(f1(self.source.sum(axis=0)))

    @property
    def candidate_value(self) -> float:
        """From 0 to 1."""
        return float(f1(self.candidate.sum(axis=0)))

    @property
    def unusable(self) -> tuple[int, int]:
        """Counts are numbers."""
        return 0, 0

    def p_of_drop(self, margin: float) -> float:
        """How often a resample with the made-up lost unit drops by so much."""
        if self.samples < FEWEST:
            return 1.0
        return share_beyond(_drops(self.source, self.candidate, self.seed), margin)

    def p_of_value(self, threshold: float) -> float:
        """How often such a resample is no better than that."""
        if self.samples < FEWEST:
            return 1.0
        values = f1(_resampled([_with_a_lost_unit(self.candidate)[1]], self.seed)[0])
        return share_beyond(-values, -threshold)

    def drop_bounds(self, confidence: float) -> tuple[float, float]:
        """Of the same resamples; the lower bound has a made-up unit that was won."""
        lost = np.quantile(_drops(self.source, self.candidate, self.seed), confidence)
        won = np.quantile(_drops(self.candidate, self.source, self.seed), confidence)
        drop = self.source_value - self.candidate_value
        return min(drop, -float(won)), max(drop, float(lost))

    def least(self, margin: float, confidence: float) -> int:
        """Below this, one unit in n may have been lost, the heaviest."""
        most = _most(self.source)
        share = margin / most if most > 0 else 1.0
        return max(FEWEST, enough.least_share(share, confidence))

    def enough(self, margin: float, confidence: float) -> int:
        """From the losses seen, or, where nothing was lost, from the heaviest unit."""
        losses = _influence(self.source) - _influence(self.candidate)
        losses = losses + self.source_value - self.candidate_value
        most = _most(self.source)
        spread = means.likely_spread(losses, most, margin / 2)
        return max(FEWEST, enough.for_mean(margin, confidence, spread, most))


def f1(counts: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
    """F1 of counts (…, classes, 3), averaged over the classes that the labels have."""
    labelled = counts[..., TRUE_POSITIVE] + counts[..., FALSE_NEGATIVE] > 0
    total = np.where(labelled, _total(counts), 1.0)
    each = np.where(labelled, 2 * counts[..., TRUE_POSITIVE] / total, 0.0)
    return each.sum(axis=-1) / np.maximum(labelled.sum(axis=-1), 1)


def _total(counts: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
    """The denominator of F1: 2 · true positives + false positives + false negatives."""
    return (
        2 * counts[..., TRUE_POSITIVE] + counts[..., FALSE_POSITIVE] + counts[..., FALSE_NEGATIVE]
    )


def _drops(source: Any, candidate: Any, seed: int) -> Any:  # noqa: ANN401 - numpy is untyped here
    """The drop of F1 in each resample of the units and the made-up one."""
    whole, lost = _with_a_lost_unit(source)
    before, after = _resampled([whole, np.concatenate([candidate, lost[-1:]])], seed)
    return f1(before) - f1(after)


def _with_a_lost_unit(counts: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numpy is untyped here
    """``counts`` with the heaviest unit once more, as it is and as it is when it is lost."""
    heaviest = int(np.argmax(_costs(counts)))
    lost = counts[heaviest].copy()
    found = lost[:, TRUE_POSITIVE].copy()
    lost[:, FALSE_NEGATIVE] += found
    lost[:, TRUE_POSITIVE] = 0
    whole = np.concatenate([counts, counts[heaviest][None]])
    return whole, np.concatenate([counts, lost[None]])


def _resampled(both: list[Any], seed: int) -> list[Any]:
    """Weighted mean counts (resamples, classes, 3) of each array, with the same weights."""
    units, classes, _ = both[0].shape
    flat = np.concatenate([each.reshape(units, -1) for each in both], axis=1).astype(np.float64)
    drawn = mixtures(flat, seed).reshape(-1, len(both), classes, 3)
    return [drawn[:, index] for index in range(len(both))]


def _costs(counts: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
    """What F1 drops by if a unit is not found, for each unit, to first order."""
    sums = counts.sum(axis=0)
    labelled = sums[:, TRUE_POSITIVE] + sums[:, FALSE_NEGATIVE] > 0
    total = np.maximum(_total(sums), 1)
    weights = (2 - 2 * sums[:, TRUE_POSITIVE] / total) / total
    return counts[..., TRUE_POSITIVE] @ weights / max(1, np.count_nonzero(labelled))


def _most(counts: Any) -> float:  # noqa: ANN401 - numpy is untyped here
    """What the mean over units drops by for each unit lost, at most: cost · units."""
    return float(_costs(counts).max()) * len(counts)


def _influence(counts: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
    """What each unit adds to F1, to first order, as if F1 were a mean over units."""
    sums = counts.sum(axis=0)
    labelled = sums[:, TRUE_POSITIVE] + sums[:, FALSE_NEGATIVE] > 0
    total = np.maximum(_total(sums), 1)
    each = (
        2 * counts[..., TRUE_POSITIVE] - 2 * sums[:, TRUE_POSITIVE] / total * _total(counts)
    ) / total
    return each @ labelled * len(counts) / max(1, np.count_nonzero(labelled))
