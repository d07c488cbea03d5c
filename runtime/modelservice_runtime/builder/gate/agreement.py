"""Whether the candidate answers as the source model does, without labels: top-1 agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import enough, proportions


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A boolean array (samples,): the same answer?

    The source model agrees with itself everywhere, so a drop is the share of disagreements.
    """

    same: Any

    @property
    def samples(self) -> int:
        """Rows."""
        return len(self.same)

    @property
    def fewest(self) -> int:
        """The test is right at every size."""
        return 1

    @property
    def more_is_better(self) -> bool:
        """A share of equal answers."""
        return True

    @property
    def source_value(self) -> float:
        """With itself."""
        return 1.0

    @property
    def candidate_value(self) -> float:
        """From 0 to 1."""
        return float(self.same.mean())

    @property
    def unusable(self) -> tuple[int, int]:
        """An answer that is NaN is another answer."""
        return 0, 0

    @property
    def _share(self) -> proportions.Share:
        return proportions.Share(samples=self.samples, hits=int(np.count_nonzero(self.same)))

    def p_of_drop(self, margin: float) -> float:
        """The exact binomial."""
        return self.p_of_value(1 - margin)

    def p_of_value(self, threshold: float) -> float:
        """The exact binomial."""
        return proportions.p_value(self._share, threshold)

    def drop_bounds(self, confidence: float) -> tuple[float, float]:
        """Clopper and Pearson's."""
        low, high = proportions.bounds(self._share, confidence)
        return 1 - high, 1 - low

    def least(self, margin: float, confidence: float) -> int:
        """Where (1 - margin)ⁿ falls below the risk."""
        return enough.least_share(margin, confidence)

    def enough(self, margin: float, confidence: float) -> int:
        """The disagreements are all losses."""
        return enough.for_pairs(margin, confidence, margin / 2)
