"""A history in fewer figures: what decides stays, the rest errs to the careful side. Pure."""

from __future__ import annotations

import base64
import itertools
import math
from array import array
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from .forecast import QUANTILES

#: More wishes and forecasts than these (five minutes of rounds) are thinned, to the careful side.
KEPT_STEPS = 64
_DIGITS = 6
#: A byte for a rate: not known, none, and steps of 4.4 % below the largest.
_UNKNOWN, _NONE, _LOWEST, _LARGEST, _STEPS = 0, 1, 2, 255, 16

#: An age in seconds, and what was then.
Row: TypeAlias = tuple[float, ...]


def ranks(count: int) -> list[int]:
    """Which of so many ordered values are kept, from 1 on: all, or those that margins are of."""
    kept = min(count, QUANTILES)
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


def levels_of(values: Sequence[float]) -> tuple[float, str]:
    """The largest of some rates, and a text that has each as a byte, rather too high."""
    top = max((value for value in values if math.isfinite(value)), default=0.0)
    return top, base64.b64encode(bytes(_level(value, top) for value in values)).decode()


def values_of(top: float, levels: str) -> array[float]:
    """The rates again, float32.

    Raises:
        ValueError: the text is none of ours.
    """
    return array("f", (_value(level, top) for level in base64.b64decode(levels, validate=True)))


def _level(value: float, top: float) -> int:
    if not math.isfinite(value):
        return _UNKNOWN
    if value <= 0 or top <= 0:
        return _NONE
    return max(_LOWEST, _LARGEST - math.floor(_STEPS * math.log2(top / value)))


def _value(level: int, top: float) -> float:
    if level == _UNKNOWN:
        return math.nan
    return 0.0 if level == _NONE else float(top * 2 ** ((level - _LARGEST) / _STEPS))
