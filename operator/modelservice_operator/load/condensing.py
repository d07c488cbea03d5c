"""A history in fewer figures: what decides stays, the rest errs to the careful side. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

#: Shortfalls are kept as so many of their quantiles. A multiple of ten, so that the one that the
#: margin is made of is kept as it is.
KEPT_SHORTFALLS = 60
#: More wishes and forecasts than these (five minutes of rounds) are thinned, to the careful side.
KEPT_STEPS = 64
_DIGITS = 6

#: An age in seconds, and what was then.
Row: TypeAlias = tuple[float, ...]


def ranks(count: int) -> list[int]:
    """Which of so many ordered values are kept, from 1 on: all, or evenly spread ones."""
    kept = min(count, KEPT_SHORTFALLS)
    return [-(-number * count // kept) for number in range(1, kept + 1)]


def repeats(count: int) -> list[int]:
    """For how many values each of those kept stands: for itself, and for those below it."""
    return [after - before for before, after in itertools.pairwise([0, *ranks(count)])]


def thinned_wishes(wishes: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Of two neighbours the larger wish and the later time: it is held longer, never shorter."""
    *kept, last = wishes or [(0.0, 0)]
    while len(kept) >= KEPT_STEPS:
        pairs = [kept[start : start + 2] for start in range(0, len(kept), 2)]
        kept = [(pair[-1][0], pair[0][1]) for pair in pairs]
    return [*kept, last] if wishes else []


def thinned_forecasts(
    made: Sequence[tuple[float, float, float]],
) -> list[tuple[float, float, float]]:
    """Of two neighbours the higher rate and the later forecast."""
    kept = list(made)
    while len(kept) > KEPT_STEPS:
        pairs = [kept[start : start + 2] for start in range(0, len(kept), 2)]
        kept = [(pair[-1][0], max(p[1] for p in pair), pair[-1][2]) for pair in pairs]
    return kept


def rows_of(rows: Iterable[Sequence[float]], at: float) -> tuple[Row, ...]:
    """Times as ages, figures rounded; what is no number is left out."""
    finite = [row for row in rows if all(map(math.isfinite, row))]
    return tuple((_old(row[0], at), *map(rounded, row[1:])) for row in finite)


def age_of(time: float | None, at: float) -> float | None:
    """As in a row; None stays None."""
    return None if time is None else _old(time, at)


def _old(time: float, at: float) -> float:
    """Rounded down to a tenth of a second: rather younger than older, never from the future."""
    return max(0.0, math.floor((at - time) * 10) / 10)


def rounded(value: float) -> float:
    """To six digits."""
    return float(f"{value:.{_DIGITS}g}")
