"""A number for each sample: cosine, share of kept neighbours, absolute error, the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import enough, means

#: Fewer than this many samples tell nothing about a mean.
FEWEST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Float arrays (samples,), and whether more is better.

    What one sample can lose: scores of which more is better and none is below zero can fall to
    zero. Any other is taken to reach the worst one seen, of both models; since that is no bound,
    a second test that needs none has to agree.
    """

    source: Any
    candidate: Any
    more_is_better: bool
    seed: int

    def __post_init__(self) -> None:
        if self.source.shape != self.candidate.shape:
            raise ValueError(f"scores: {self.source.shape} beside {self.candidate.shape}")

    @property
    def samples(self) -> int:
        """Rows or queries."""
        return len(self.source)

    @property
    def fewest(self) -> int:
        """Means of fewer are nothing to judge by."""
        return FEWEST

    @property
    def source_value(self) -> float:
        """The mean."""
        return float(self.source.mean())

    @property
    def candidate_value(self) -> float:
        """The mean."""
        return float(self.candidate.mean())

    @property
    def unusable(self) -> tuple[int, int]:
        """Scores that are NaN or infinite."""
        bad = [int(np.count_nonzero(~np.isfinite(each))) for each in (self.source, self.candidate)]
        return bad[0], bad[1]

    def p_of_drop(self, margin: float) -> float:
        """Gaffke's test; where no bound is known, the studentized bootstrap must agree."""
        return self._p_value(self._good(self.source), margin)

    def p_of_value(self, threshold: float) -> float:
        """The same with ``threshold`` in the source model's place."""
        wanted = threshold if self.more_is_better else -threshold
        return self._p_value(np.full(self.samples, float(wanted)), 0.0)

    def drop_bounds(self, confidence: float) -> tuple[float, float]:
        """Of the same tests."""
        source, candidate = self._good(self.source), self._good(self.candidate)
        most_won = float(candidate.max()) - self._worst
        most_lost = float(source.max()) - self._worst
        return (
            -self._upper(candidate - source, most_won, confidence),
            self._upper(source - candidate, most_lost, confidence),
        )

    def least(self, margin: float, confidence: float) -> int:
        """Below this, one sample in n may have lost everything."""
        share = margin / self._most if self._most > 0 else 1.0
        return max(FEWEST, enough.least_share(share, confidence))

    def enough(self, margin: float, confidence: float) -> int:
        """From the losses seen, or, where nothing was lost, from what one sample can lose."""
        losses = self._good(self.source) - self._good(self.candidate)
        spread = means.likely_spread(losses, self._most, margin / 2)
        return max(FEWEST, enough.for_mean(margin, confidence, spread, self._most))

    def _good(self, scores: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
        """More is better."""
        return scores.astype(np.float64) * (1.0 if self.more_is_better else -1.0)

    @property
    def _bounded(self) -> bool:
        lowest = min(float(self.source.min()), float(self.candidate.min()))
        return self.more_is_better and lowest >= 0

    @property
    def _worst(self) -> float:
        if self._bounded:
            return 0.0
        return min(float(self._good(self.source).min()), float(self._good(self.candidate).min()))

    @property
    def _most(self) -> float:
        return float(self._good(self.source).max()) - self._worst

    def _p_value(self, wanted: Any, margin: float) -> float:  # noqa: ANN401 - numpy is untyped here
        if self.samples < FEWEST:
            return 1.0
        losses = wanted - self._good(self.candidate)
        most = max(float(wanted.max()) - self._worst, float(losses.max()))
        found = means.p_value(losses, most, margin, self.seed)
        if self._bounded:
            return found
        return max(found, means.studentized_p_value(losses, margin, self.seed))

    def _upper(self, losses: Any, most: float, confidence: float) -> float:  # noqa: ANN401
        found = means.upper(losses, most, confidence, self.seed)
        if self._bounded:
            return found
        return max(found, means.studentized_upper(losses, confidence, self.seed))
