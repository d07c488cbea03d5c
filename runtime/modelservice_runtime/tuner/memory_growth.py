"""A model that leaks: memory grows on with the requests while nothing else changes. Pure.

Allocators grow, too, but less and less; whoever leaks takes as much for the next thousand requests
as for those before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .settings import Setting

#: Two samples of a setting that needs no more differ by as much: bytes, and as a share of all.
NOISE_BYTES, NOISE_SHARE = 256 << 10, 0.002
#: So many runs on end have to grow, the later half of them by at least this share of the first.
GROWING_RUNS, LASTING_SHARE = 4, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """At the end of a run: ``requests`` that it served, ``used`` bytes by process.

    The instances of the setting before may still be there.
    """

    setting: Setting
    requests: int
    used: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """``bytes_per_request``: that are not given back, as ``requests`` on end have shown."""

    bytes_per_request: float
    requests: int


def lives(points: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
    """The points between one load of a setting and the next."""
    return tuple(tuple(part) for _, part in itertools.groupby(points, key=lambda p: p.setting))


def leak(points: Sequence[Point]) -> Leak | None:
    """From all runs of a tuning, in order: of the last life that shows one, else None."""
    found = (_leak(life) for life in reversed(lives(points)))
    return next((one for one in found if one is not None), None)


def is_suspected(points: Sequence[Point]) -> bool:
    """Whether more runs at the last setting could show a leak.

    While its memory grows; before a second run, where that of any other setting grew in the end.
    """
    seen = lives(points)
    if not seen:
        return False
    if len(seen[-1]) > 1:
        return _has_grown(*seen[-1][-2:])
    return any(_has_grown(*life[-2:]) for life in seen if len(life) > 1)


def leaked(points: Sequence[Point], found: Leak | None) -> tuple[int, ...]:
    """Of each point, the bytes that requests since the load have leaked."""
    if found is None:
        return (0,) * len(points)
    return tuple(
        round(found.bytes_per_request * served)
        for life in lives(points)
        for point, served in zip(
            life, itertools.accumulate(point.requests for point in life), strict=True
        )
    )


def _leak(life: Sequence[Point]) -> Leak | None:
    pairs = list(itertools.pairwise(life))[-GROWING_RUNS:]
    if len(pairs) < GROWING_RUNS or not all(_has_grown(*pair) for pair in pairs):
        return None
    half = GROWING_RUNS // 2
    if _rate(pairs[half:]) < LASTING_SHARE * _rate(pairs[:half]):
        return None
    requests = sum(after.requests for _, after in pairs)
    return Leak(bytes_per_request=_rate(pairs), requests=requests)


def _grown(before: Point, after: Point) -> int:
    """Bytes that those processes have more that are in both."""
    return sum(after.used[pid] - before.used[pid] for pid in after.used if pid in before.used)


def _has_grown(before: Point, after: Point) -> bool:
    noise = max(NOISE_BYTES, NOISE_SHARE * sum(before.used.values()))
    return after.requests > 0 and _grown(before, after) > noise


def _rate(pairs: Sequence[tuple[Point, Point]]) -> float:
    """Bytes for each request."""
    grown = sum(_grown(before, after) for before, after in pairs)
    return grown / sum(after.requests for _, after in pairs)


def seconds_until(found: Leak, free_bytes: int, requests_per_second: float) -> float:
    """Until as much is leaked; infinity where nothing is asked."""
    each_second = found.bytes_per_request * requests_per_second
    return max(0.0, free_bytes / each_second) if each_second > 0 else math.inf
