"""A model that leaks: memory grows on with the requests while nothing else changes. Pure.

Allocators grow, too, but less and less; whoever leaks takes as much for the next thousand requests
as for those before. Each process is looked at alone: what a server needs for its queues comes and
goes by tens of mebibytes, beside an instance that leaks a few.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .settings import Setting

#: Two samples of a setting that needs no more differ by as much: bytes, and as a share of all.
NOISE_BYTES, NOISE_SHARE = 256 << 10, 0.002
#: After so many runs on end in which a process grew, more are made …
SUSPICIOUS_RUNS = 2
#: … for so many on end have to grow, the later half of them by at least this share of the first.
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

    While the memory of a process grows (twice on end, where there were as many runs); before a
    second run, where that of one grew at any other setting.
    """
    seen = lives(points)
    if not seen:
        return False
    if len(seen[-1]) > 1:
        return _grows(seen[-1])
    return any(_grows(life) for life in seen)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What one process had ``before`` a run of so many ``requests``, and what it has ``grown``."""

    before: int
    grown: int
    requests: int

    @property
    def is_growth(self) -> bool:
        return self.requests > 0 and self.grown > max(NOISE_BYTES, NOISE_SHARE * self.before)


def _steps(life: Sequence[Point], runs: int) -> tuple[tuple[_Step, ...], ...]:
    """Of each process that was there in all of the last ``runs`` runs and before."""
    last = life[-runs - 1 :]
    alive = set.intersection(*(set(point.used) for point in last)) if len(last) > runs else set()
    return tuple(
        tuple(
            _Step(
                before=before.used[pid],
                grown=after.used[pid] - before.used[pid],
                requests=after.requests,
            )
            for before, after in itertools.pairwise(last)
        )
        for pid in sorted(alive)
    )


def _grows(life: Sequence[Point]) -> bool:
    steps = _steps(life, min(SUSPICIOUS_RUNS, len(life) - 1)) if len(life) > 1 else ()
    return any(all(step.is_growth for step in one) for one in steps)


def _leak(life: Sequence[Point]) -> Leak | None:
    leaking = [steps for steps in _steps(life, GROWING_RUNS) if _is_lasting(steps)]
    if not leaking:
        return None
    return Leak(
        bytes_per_request=sum(_rate(steps) for steps in leaking),
        requests=sum(step.requests for step in leaking[0]),
    )


def _is_lasting(steps: Sequence[_Step]) -> bool:
    half = len(steps) // 2
    return all(step.is_growth for step in steps) and (
        _rate(steps[half:]) >= LASTING_SHARE * _rate(steps[:half])
    )


def _rate(steps: Sequence[_Step]) -> float:
    """Bytes for each request."""
    return sum(step.grown for step in steps) / sum(step.requests for step in steps)


def seconds_until(found: Leak, free_bytes: int, requests_per_second: float) -> float:
    """Until as much is leaked; infinity where nothing is asked."""
    each_second = found.bytes_per_request * requests_per_second
    return max(0.0, free_bytes / each_second) if each_second > 0 else math.inf
