"""Numbers for people."""

from __future__ import annotations


def figure(rate: float) -> str:
    """A rate: three digits, more only where they stand before the point."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"  # noqa: PLR2004 - three digits
