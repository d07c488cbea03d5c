"""The normal distribution, under short names."""

from __future__ import annotations

from statistics import NormalDist

_STANDARD = NormalDist()


def quantile(probability: float) -> float:
    """The value below which a standard normal variable lies with this probability."""
    return _STANDARD.inv_cdf(probability)


def below(value: float) -> float:
    """The probability that a standard normal variable lies below ``value``."""
    return _STANDARD.cdf(value)
