"""What the model got wrong, from measured runs at a rate, and the model put right. Pure.

The simulated requests come at the very times at which they were sent, so chance explains little of
the difference. Three numbers are fitted, each from what says it best: ``speed`` from what Triton
counted of its executions, the overhead from the median latency, ``scatter`` from the tail. Under
overload the median says how much too slow the setting is, and nothing else can be told. In a closed
loop the median is what so many clients have to wait, whatever of it is overhead: it puts the speed
right as well.

On a noisy machine one run says as much of the moment as of the model: the speed is then taken for
the model's error only as far as noise does not explain it (``believed``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, median

import numpy as np

from .simulation.loads import Load
from .simulation.outcomes import Batching, Outcome
from .simulation.service_time import ServiceTime

#: Under overload the speed may differ by so much from what was counted.
SPEEDS = (0.7, 1.4)
SCATTERS = (0.25, 8.0)
_STEPS = 12
#: The model was right if executions take no more or less than this share of what it said …
SPEED_TOLERANCE = 0.15
#: … and median and tail are no further off than these shares of what was measured, or of the goal.
MEDIAN_TOLERANCE, MEDIAN_GOAL_SHARE = 0.15, 0.05
TAIL_TOLERANCE, TAIL_GOAL_SHARE = 0.30, 0.10
#: More violations than this are overload.
OVERLOADED = 0.20
#: How far the model's speeds are off, as logarithms: a little (T4's figure of the simulation that
#: nothing put right), and now and then by far. (How often, standard deviation.)
USUALLY_OFF, SELDOM_OFF = (0.9, 0.05), (0.1, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A run: what a setting was loaded with, and what came of it, milliseconds.

    ``executions``: batch size → (how many, their nanoseconds). ``tail_ms``: at the goal's
    percentile. ``violations``: share of the requests beyond the goal.
    """

    batching: Batching
    load: Load
    executions: Mapping[int, tuple[int, int]]
    median_ms: float
    tail_ms: float
    goal_ms: float
    violations: float

    @property
    def is_overload(self) -> bool:
        """Whether more came than could be answered."""
        return self.load.may_pile_up and self.violations > OVERLOADED


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """``service`` put right: executions take ``speed`` times as long, ``overhead`` seconds more.

    ``speed``: as seen; of it ``service`` has what is not noise.
    ``median_error``, ``tail_error``: of the model before, as shares of what was measured, positive
    where it said too much; 0 where that is little beside the goal, or the setting was overloaded.
    """

    service: ServiceTime
    speed: float
    overhead: float
    scatter: float
    median_error: float
    tail_error: float

    @property
    def agrees(self) -> bool:
        """Whether the model had been right within the tolerances."""
        return (
            abs(self.speed - 1) <= SPEED_TOLERANCE
            and abs(self.median_error) <= MEDIAN_TOLERANCE
            and abs(self.tail_error) <= TAIL_TOLERANCE
        )

    def beside(self, others: Sequence[Fit]) -> Fit:
        """With what it is off by beside what all (it among them) are off by in the median.

        What a machine that has changed does to all alike, and errors that change no order, are not
        the model's.
        """
        speed, middle, tail = (
            median(getattr(fit, name) for fit in others)
            for name in ("speed", "median_error", "tail_error")
        )
        return replace(
            self,
            speed=self.speed / speed,
            median_error=(1 + self.median_error) / (1 + middle) - 1,
            tail_error=(1 + self.tail_error) / (1 + tail) - 1,
        )


def fitted(
    service: ServiceTime, seen: Sequence[Seen], percentile: float, noise: float = 0.0
) -> Fit:
    """The model that gives what was seen, in the median over the runs (at least one).

    ``noise``: share by which the machine's speed scatters from moment to moment.
    """
    fits = [_fit(service, one, percentile) for one in seen]
    speed, overhead, scatter = (
        median(getattr(fit, name) for fit in fits) for name in ("speed", "overhead", "scatter")
    )
    own = believed(speed, noise / math.sqrt(len(seen)))
    return Fit(
        service=_changed(service, own, overhead, scatter),
        speed=speed,
        overhead=overhead,
        scatter=scatter,
        median_error=median(fit.median_error for fit in fits),
        tail_error=median(fit.tail_error for fit in fits),
    )


def believed(speed: float, noise: float) -> float:
    """The model's own part of ``speed``, seen with ``noise``: both as shares of the right speed.

    The mean of what it may be, given what models are off by (a spike and a slab): of little the
    part that is not noise's, of much all.
    """
    if noise <= 0 or speed <= 0:
        return speed
    seen = math.log(speed)
    chances, means = [], []
    for share, deviation in (USUALLY_OFF, SELDOM_OFF):
        both = math.hypot(deviation, noise)
        chances.append(share * NormalDist(sigma=both).pdf(seen))
        means.append(seen * (deviation / both) ** 2)
    return math.exp(fmean(means, weights=chances))


def _changed(service: ServiceTime, speed: float, overhead: float, scatter: float) -> ServiceTime:
    slower = service.scaled(speed, scatter)
    return replace(slower, overhead=max(0.0, service.overhead + overhead))


def _fit(service: ServiceTime, seen: Seen, percentile: float) -> Fit:
    def outcome(speed: float, scatter: float = 1.0, overhead: float = 0.0) -> Outcome:
        changed = _changed(service, speed, overhead, scatter)
        return seen.load.outcome(changed, seen.batching)

    before = outcome(1.0)
    speed = counted_speed(service, seen, before)
    if seen.is_overload or not seen.load.may_pile_up:
        low, high = (speed * bound for bound in SPEEDS)
        speed = _solved(lambda value: outcome(value).quantile(50) * 1e3, seen.median_ms, low, high)
    if seen.is_overload:
        return Fit(
            service=_changed(service, speed, 0.0, 1.0),
            speed=speed,
            overhead=0.0,
            scatter=1.0,
            median_error=0.0,
            tail_error=0.0,
        )
    overhead = 0.0
    if seen.load.may_pile_up:
        overhead = seen.median_ms / 1e3 - outcome(speed).quantile(50)
        overhead = max(overhead, -service.overhead)
    scatter = _solved(
        lambda value: outcome(speed, value, overhead).quantile(percentile) * 1e3,
        seen.tail_ms,
        *SCATTERS,
    )
    middle, tail = before.quantile(50) * 1e3, before.quantile(percentile) * 1e3
    return Fit(
        service=_changed(service, speed, overhead, scatter),
        speed=speed,
        overhead=overhead,
        scatter=scatter,
        median_error=_error(middle, seen.median_ms, MEDIAN_GOAL_SHARE * seen.goal_ms),
        tail_error=_error(tail, seen.tail_ms, TAIL_GOAL_SHARE * seen.goal_ms),
    )


def counted_speed(service: ServiceTime, seen: Seen, simulated: Outcome) -> float:
    """Measured ÷ simulated time of executions, each beside the model's of the same sizes.

    1 where Triton counted nothing.
    """
    largest = max([*seen.executions, len(simulated.executions) - 1])
    # Triton counts by batch size alone: the lengths in it are those that were simulated.
    table = service.means(simulated.by_kind, largest)
    expected: float = sum(
        number * float(table[size]) for size, (number, _) in seen.executions.items()
    )
    sizes = np.arange(len(simulated.executions))
    alike = float((simulated.executions * table[sizes]).sum())
    if expected <= 0 or alike <= 0 or simulated.busy_seconds <= 0:
        return 1.0
    spent = sum(nanoseconds for _, nanoseconds in seen.executions.values()) / 1e9
    # Of the simulated ones that is what contention adds.
    return float((spent / expected) / (simulated.busy_seconds / alike))


def _error(said: float, measured: float, little: float) -> float:
    return 0.0 if abs(said - measured) <= little else said / measured - 1


def _solved(
    value_at: Callable[[float], float], wanted: float, lowest: float, highest: float
) -> float:
    """Where the rising function meets ``wanted``, on a logarithmic scale; else the nearer bound.

    1 where that is good already.
    """
    if lowest <= 1.0 <= highest and math.isclose(value_at(1.0), wanted, rel_tol=0.01):
        return 1.0
    low, high = math.log(lowest), math.log(highest)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if value_at(math.exp(middle)) < wanted:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)
