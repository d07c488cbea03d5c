"""How many samples a verdict takes."""

from __future__ import annotations

import math

from .normal import quantile

#: A candidate that loses half of what it may is to pass at least so often: 95 %, and something
#: for the whole numbers of counts and for what the first samples tell wrong of the others.
POWER = 0.975
#: More than anybody has: for margins so small that the figure would not be a number.
MOST = 10**15


def least(margin: float, confidence: float) -> int:
    """For right or wrong, paired: below this nothing passes, not even without any loss.

    z² (1 - margin) / margin, from the score test.
    """
    if margin >= 1:
        return 1
    z = quantile(confidence)
    return _whole(z * z * (1 - margin) / margin)


def least_share(margin: float, confidence: float) -> int:
    """The same for a share, or for a mean in units of what one sample can lose.

    (1 - margin)ⁿ ≤ risk, from the exact binomial.
    """
    if margin >= 1:
        return 1
    return _whole(math.log(1 - confidence) / math.log1p(-margin))


def for_pairs(margin: float, confidence: float, discordant: float) -> int:
    """Samples with which a candidate that loses ``margin`` / 2 passes with ``POWER``.

    ``discordant``: the share of samples on which the two models differ in being right; at least
    half the margin is assumed, since a loss of that is.
    """
    drop = margin / 2
    share = min(1.0, max(discordant, drop))
    # A candidate at the limit loses another half of the margin.
    at_margin = math.sqrt(max(0.0, min(1.0, share + drop) - margin**2))
    at_half = math.sqrt(share - drop**2)
    z = quantile(confidence) * at_margin + quantile(POWER) * at_half
    return max(least(margin, confidence), _whole(_square(z / drop)))


def for_mean(margin: float, confidence: float, spread: float, most: float) -> int:
    """The same for a mean: ``spread`` (standard deviation) of the losses, ``most`` one can lose.

    What was not seen may cost ``most`` · ln(1 / risk) / n, what was seen is known to
    ``spread`` / √n; together they have to fit into the other half of the margin.
    """
    unseen = -math.log(1 - confidence) * most
    seen = (quantile(confidence) + quantile(POWER)) * spread
    if unseen <= 0 and seen <= 0:
        return 1
    # unseen · x² + seen · x = margin / 2, where x = 1 / √n.
    root = math.sqrt(seen * seen + 2 * unseen * margin)
    return _whole(_square((seen + root) / margin))


def _whole(samples: float) -> int:
    return math.ceil(min(samples, MOST))


def _square(number: float) -> float:
    """Infinite where ``**`` would raise."""
    return number * number
