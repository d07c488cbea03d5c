"""A mean over samples: absolute error, cosine, kept neighbours, a score of the user's own.

Where a sample can lose no more than a known amount, the bound is Gaffke's (``mixtures``).
Where it can lose anything, nothing is certain; the studentized bootstrap (Efron and Tibshirani
1993, chapter 12.5) then keeps its promise on skewed losses better than Student's t does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .mixtures import RESAMPLES, mixtures, share_beyond

#: Random indices at a time: 16 MiB.
_AT_ONCE = 2_000_000


def p_value(losses: Any, most: float, margin: float, seed: int) -> float:  # noqa: ANN401
    """How likely so small a mean loss would be if the true one were ``margin``.

    ``losses``: one for each sample, positive where the candidate is worse. ``most``: what one
    sample can lose.
    """
    return share_beyond(_with_one_more(losses, most, seed), margin)


def upper(losses: Any, most: float, confidence: float, seed: int) -> float:  # noqa: ANN401
    """Upper bound of the true mean loss."""
    found = float(np.quantile(_with_one_more(losses, most, seed), confidence))
    return max(found, float(losses.mean()))


def studentized_p_value(losses: Any, margin: float, seed: int) -> float:  # noqa: ANN401
    """``p_value`` where nobody knows what one sample can lose."""
    spread = _error(losses)
    if spread == 0:
        return 0.0 if losses.mean() < margin else 1.0
    return 1 - share_beyond(_studentized(losses, seed), (losses.mean() - margin) / spread)


def studentized_upper(losses: Any, confidence: float, seed: int) -> float:  # noqa: ANN401
    """``upper`` where nobody knows what one sample can lose."""
    spread = _error(losses)
    if spread == 0:
        return float(losses.mean())
    low = float(np.quantile(_studentized(losses, seed), 1 - confidence))
    return float(losses.mean()) + max(0.0, -low) * spread


def likely_spread(losses: Any, most: float, drop: float) -> float:  # noqa: ANN401
    """Standard deviation of the losses of a candidate that loses ``drop`` on average.

    It loses in portions of the size seen here. As everywhere, one loss of ``most`` counts as seen
    besides: where nothing was lost it is all there is to go by, beside many it weighs little.
    """
    lost = losses[losses > 0]
    portion = most
    if lost.size:
        total, squares = float(lost.sum()), float((lost**2).sum())
        count = total**2 / squares  # as many equal losses would be as uneven
        portion = (count * squares / total + most) / (count + 1)
    return float(np.sqrt(max(float(losses.var()), portion * drop)))


def _with_one_more(losses: Any, most: float, seed: int) -> Any:  # noqa: ANN401
    return mixtures(np.append(losses, most)[:, None], seed)[:, 0]


def _error(losses: Any) -> float:  # noqa: ANN401 - numpy is untyped here
    """Standard error of the mean; zero for equal losses, whatever rounding makes of them."""
    if np.ptp(losses) == 0:
        return 0.0
    return float(losses.std(ddof=1) / np.sqrt(len(losses)))


def _studentized(losses: Any, seed: int) -> Any:  # noqa: ANN401 - numpy is untyped here
    """(mean of a resample - mean) / its own standard error, ``RESAMPLES`` times."""
    count = len(losses)
    random = np.random.default_rng(seed)
    rows = max(1, min(RESAMPLES, _AT_ONCE // count))
    found = []
    for start in range(0, RESAMPLES, rows):
        size = (min(rows, RESAMPLES - start), count)
        drawn = losses[random.integers(0, count, size=size)]
        spread = drawn.std(axis=1, ddof=1) / np.sqrt(count)
        varied = np.ptp(drawn, axis=1) > 0
        # A resample of equal values knows nothing of its error: it counts as extreme.
        scaled = (drawn.mean(axis=1) - losses.mean()) / np.where(varied, spread, 1.0)
        found.append(np.where(varied, scaled, -np.inf))
    return np.concatenate(found)
