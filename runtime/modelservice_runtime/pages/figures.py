"""Figures with as many digits as they deserve, and their units."""

from __future__ import annotations

NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
_MIB = 2**20


def number(value: float) -> str:
    """Four digits that count."""
    return f"{value:.4g}"


def milliseconds(value: float) -> str:
    """``0.123 ms``, ``12.3 ms``."""
    return f"{value:.3g} ms" if value < 1000 else f"{value:.0f} ms"  # noqa: PLR2004


def seconds(value: float) -> str:
    """``0.8 s``, ``65 s``, ``12 min 5 s``."""
    if value < 10:  # noqa: PLR2004 - below, tenths matter
        return f"{value:.1f} s"
    if value < 120:  # noqa: PLR2004 - above, minutes read better
        return f"{value:.0f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def megabytes(value: float) -> str:
    """Of a file: ``12.3 MB``."""
    return f"{value / 1e6:.1f} MB" if value else NOTHING


def mebibytes(value: float) -> str:
    """Of memory: ``123 MiB``."""
    return f"{value / _MIB:.0f} MiB" if value else NOTHING


def shortened(words: str, most: int) -> str:
    """At most ``most`` characters, the last one a sign that there are more."""
    return words if len(words) <= most else f"{words[: most - 1]}…"
