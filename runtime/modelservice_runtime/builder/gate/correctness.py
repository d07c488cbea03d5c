"""Right or wrong for each sample, with labels: accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import enough, paired, proportions


@dataclass(frozen=True, slots=True, kw_only=True)
class Correctness:
    """Boolean arrays (samples,): is the answer right?"""

    source: Any
    candidate: Any

    @property
    def samples(self) -> int:
        """Rows."""
        return len(self.source)

    @property
    def fewest(self) -> int:
        """The tests are right at every size."""
        return 1

    @property
    def more_is_better(self) -> bool:
        """Accuracy."""
        return True

    @property
    def source_value(self) -> float:
        """From 0 to 1."""
        return float(self.source.mean())

    @property
    def candidate_value(self) -> float:
        """From 0 to 1."""
        return float(self.candidate.mean())

    @property
    def unusable(self) -> tuple[int, int]:
        """An answer that is NaN is wrong."""
        return 0, 0

    @property
    def seen(self) -> paired.Discordance:
        """The samples on which the two differ."""
        return paired.Discordance(
            samples=self.samples,
            lost=int(np.count_nonzero(self.source & ~self.candidate)),
            won=int(np.count_nonzero(~self.source & self.candidate)),
        )

    def p_of_drop(self, margin: float) -> float:
        """Tango's test."""
        return paired.p_value(self.seen, margin)

    def p_of_value(self, threshold: float) -> float:
        """The exact binomial."""
        hits = int(np.count_nonzero(self.candidate))
        return proportions.p_value(proportions.Share(samples=self.samples, hits=hits), threshold)

    def drop_bounds(self, confidence: float) -> tuple[float, float]:
        """Tango's interval."""
        return paired.bounds(self.seen, confidence)

    def least(self, margin: float, confidence: float) -> int:
        """z² (1 - margin) / margin."""
        return enough.least(margin, confidence)

    def enough(self, margin: float, confidence: float) -> int:
        """From the share of samples on which the two differ here."""
        # One more than was seen: nothing seen among n does not mean nothing.
        discordant = (self.seen.lost + self.seen.won + 1) / (self.samples + 1)
        return enough.for_pairs(margin, confidence, discordant)
