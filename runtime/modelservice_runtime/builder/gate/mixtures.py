"""Means of what was seen and of one unit more that was lost: the bootstrap of this gate.

Every unit gets a random weight (exponential, so that all weights are positive and sum to one:
Rubin, "The Bayesian bootstrap", Annals of Statistics 9 (1981), 130-134), and one made-up unit is
added that is lost as far as a unit can be. For units that are right or wrong this *is* the exact
binomial bound of Clopper and Pearson; for any bounded values it is Gaffke's bound of the mean
("Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable", Mathematical Methods of Statistics 14 (2005), 451-467).
A plain percentile bootstrap has neither property: without any loss in the data it takes every
margin for proven.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RESAMPLES = 4000
#: Random numbers at a time: 16 MiB.
_AT_ONCE = 2_000_000


def mixtures(units: Any, seed: int) -> Any:  # noqa: ANN401 - numpy is untyped here
    """Weighted means of ``units`` (units, values): an array (``RESAMPLES``, values)."""
    random = np.random.default_rng(seed)
    rows = max(1, min(RESAMPLES, _AT_ONCE // len(units)))
    found = []
    for start in range(0, RESAMPLES, rows):
        size = (min(rows, RESAMPLES - start), len(units))
        weights = random.standard_exponential(size)
        found.append(weights @ units / weights.sum(axis=1, keepdims=True))
    return np.concatenate(found)


def share_beyond(values: Any, limit: float) -> float:  # noqa: ANN401 - numpy is untyped here
    """The share of resampled ``values`` at ``limit`` or above, never zero: a p value."""
    return float((np.count_nonzero(values >= limit) + 1) / (len(values) + 1))
