"""Numbers as status, conditions and events write them."""

from __future__ import annotations

_DIGITS = 5
_SMALL = 1e-3


def decimal(value: float) -> str:
    """Five digits behind the point, no zeros at the end: ``0.982``, ``0.99998``, ``1.2e-06``.

    A value just below 1 is not written as 1: whoever reads 1 takes it for equality.
    """
    if 0 < abs(value) < _SMALL:
        return f"{value:.3g}"
    below_one = 1 - 10**-_DIGITS
    shown = below_one if below_one < value < 1 else value
    return f"{shown:.{_DIGITS}f}".rstrip("0").rstrip(".")
