"""When requests come: intervals in microseconds, as perf_analyzer reads them. Pure.

Its own Poisson arrivals are always the same few, and a quarter off the wanted rate in a short run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

#: perf_analyzer gets no intervals below this: it reads whole microseconds.
_LEAST_US = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How the rate goes over a window: its share of the mean rate in equally long steps.

    One step: Poisson arrivals, nothing else.
    """

    name: str
    steps: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not self.steps or min(self.steps) < 0 or sum(self.steps) <= 0:
            raise ValueError(f"{self.name}: a shape needs a rate somewhere, and none below zero")


POISSON = Shape(name="Poisson")


def bursty(steps: int = 60, seed: int = 7) -> Shape:
    """Where no trace was recorded: calm, and a fifth of the time three times as much."""
    draw = random.Random(seed)  # noqa: S311 - traffic, not a secret
    rates, high = [], False
    for _ in range(steps):
        # Left after 2.5 steps in a burst, begun after 10 without one, on average.
        high = draw.random() >= 0.4 if high else draw.random() < 0.1  # noqa: PLR2004
        rates.append(1.8 if high else 0.6)
    return Shape(name="bursty", steps=tuple(rates))


def intervals(shape: Shape, rate: float, seconds: float, seed: int) -> tuple[int, ...]:
    """Random intervals: ``rate`` a second on average over ``seconds``, as the shape has it.

    As many as that makes on average, no more and no fewer, so that two rates differ in nothing
    but the rate. The same seed gives the same arrivals, stretched, for every rate.
    """
    count = max(1, round(rate * seconds))
    draw = random.Random(seed)  # noqa: S311 - traffic, not a secret
    gaps = [draw.expovariate(1.0) for _ in range(count + 1)]
    total = sum(gaps)
    warp = _warped(shape.steps)
    times = [0.0, *(seconds * warp(passed / total) for passed in accumulate(gaps[:-1]))]
    return tuple(max(_LEAST_US, round((after - before) * 1e6)) for before, after in pairwise(times))


def _warped(steps: Sequence[float]) -> Callable[[float], float]:
    """From the share of all requests that have come to the share of the time that has passed."""
    total, ends = sum(steps), [0.0]
    ends += accumulate(step / total for step in steps)

    def warp(share: float) -> float:
        number = max(0, min(len(steps) - 1, _first_beyond(ends, share) - 1))
        width = ends[number + 1] - ends[number]
        inside = (share - ends[number]) / width if width > 0 else 0.0
        return min(1.0, (number + inside) / len(steps))

    return warp


def _first_beyond(ends: Sequence[float], share: float) -> int:
    return next((number for number, end in enumerate(ends) if end > share), len(ends) - 1)
