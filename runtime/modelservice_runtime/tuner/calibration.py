"""What the model got wrong, from one measured run at a rate, and the model put right. Pure.

The simulated requests come at the very times at which they were sent, so chance explains little of
the difference. Two numbers are fitted: ``speed``, until the medians agree, then ``scatter``, until
the tails do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from .simulation.arrivals import Requests
from .simulation.outcomes import Batching, Outcome, open_loop
from .simulation.service_time import ServiceTime

SPEEDS = (0.4, 2.5)
SCATTERS = (0.25, 8.0)
_STEPS = 12
#: The model was right if executions take no more or less than this share of what it said …
SPEED_TOLERANCE = 0.15
#: … and the tail is as far off at most, as far as the setting was not overloaded.
TAIL_TOLERANCE = 0.30
OVERLOADED = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A run at a rate: what was sent to which setting, and what the client saw, milliseconds.

    ``violations``: share of the requests beyond the goal. ``tail_ms``: at the goal's percentile.
    """

    batching: Batching
    requests: Requests
    median_ms: float
    tail_ms: float
    violations: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """``service`` put right: each execution takes ``speed`` times as long, and so on.

    ``tail_error``: of the model before, as a share of what was measured, positive where the model
    said too much; 0 where the setting was overloaded, which says nothing of its tail.
    """

    service: ServiceTime
    speed: float
    scatter: float
    tail_error: float

    @property
    def agrees(self) -> bool:
        """Whether the model had been right within the tolerances."""
        near = abs(self.speed - 1) <= SPEED_TOLERANCE
        return near and abs(self.tail_error) <= TAIL_TOLERANCE


def fitted(service: ServiceTime, seen: Sequence[Seen], percentile: float) -> Fit:
    """The model that gives what was seen, in the median over the runs (at least one)."""
    fits = [_fit(service, one, percentile) for one in seen]
    speed = median(fit.speed for fit in fits)
    scatter = median(fit.scatter for fit in fits)
    return Fit(
        service=service.scaled(speed, scatter),
        speed=speed,
        scatter=scatter,
        tail_error=median(fit.tail_error for fit in fits),
    )


def _fit(service: ServiceTime, seen: Seen, percentile: float) -> Fit:
    def outcome(speed: float, scatter: float) -> Outcome:
        return open_loop(service.scaled(speed, scatter), seen.batching, seen.requests)

    overloaded = seen.violations > OVERLOADED
    speed = _solved(lambda value: outcome(value, 1.0).quantile(50) * 1000, seen.median_ms, SPEEDS)
    scatter = 1.0
    if not overloaded:
        scatter = _solved(
            lambda value: outcome(speed, value).quantile(percentile) * 1000, seen.tail_ms, SCATTERS
        )
    tail = outcome(speed, 1.0).quantile(percentile) * 1000
    return Fit(
        service=service.scaled(speed, scatter),
        speed=speed,
        scatter=scatter,
        tail_error=0.0 if overloaded else tail / seen.tail_ms - 1,
    )


def _solved(
    value_at: Callable[[float], float], wanted: float, bounds: tuple[float, float]
) -> float:
    """Where the rising function meets ``wanted``, on a logarithmic scale; else the nearer bound.

    1 where that is good already.
    """
    if math.isclose(value_at(1.0), wanted, rel_tol=0.01):
        return 1.0
    low, high = (math.log(bound) for bound in bounds)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if value_at(math.exp(middle)) < wanted:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)
