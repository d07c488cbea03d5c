"""The rate that a setting carries within a goal, and the table that the balancer reads."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, LOAD_STEPS, RANDOM_SPLIT

from .arrivals import Source
from .outcomes import Batching, Outcome, open_loop
from .service_time import ServiceTime

#: Behind a balancer that sends each request to the replica with the fewest open ones.
POOLED = "pooled"
#: A share of violations of 1 % is told from 1.4 % with so many requests.
REQUESTS = 20_000
#: Of the interval in which the rate is looked for: 2^-9 is a fifth of a percent.
BISECTIONS = 9
#: Beyond this share of what full batches give, a replica that is a little slower for a moment falls
#: behind for long, whatever a simulation of steady times says.
MOST_UTILIZATION = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """``seconds``: that a request may take; ``violations``: share of them that may take longer."""

    seconds: float
    violations: float

    def stricter(self) -> Goal:
        """With half of the violations: what capacity is counted by."""
        return Goal(seconds=self.seconds, violations=self.violations / 2)


def throughput(service: ServiceTime, batching: Batching) -> float:
    """Rows a second of instances that always have full batches to do."""
    slowest = float(service.slower(batching.instances)[-1])
    best = max(
        size / (seconds * slowest + service.gap * size)
        for size, seconds in enumerate(service.full_batches(batching.max_batch))
        if size and seconds > 0
    )
    return float(batching.instances * best)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """``rows_per_second`` that keep the goal (0: none does), and what clients see there."""

    rows_per_second: float
    outcome: Outcome | None


def carried(
    service: ServiceTime,
    batching: Batching,
    source: Source,
    goal: Goal,
    *,
    requests: int = REQUESTS,
    steps: int = BISECTIONS,
) -> Carried:
    """The largest rate at which at most so many requests violate the goal: a bisection.

    None where a request does not fit into a batch: Triton refuses it.
    """
    if batching.max_batch < source.most_rows:
        return Carried(rows_per_second=0.0, outcome=None)
    low, high = 0.0, MOST_UTILIZATION * throughput(service, batching)
    found: Outcome | None = None
    for _ in range(steps):
        rate = (low + high) / 2
        outcome = open_loop(service, batching, source.at(rate, requests))
        if outcome.violations(goal.seconds) <= goal.violations:
            low, found = rate, outcome
        else:
            high = rate
    return Carried(rows_per_second=low, outcome=found)


def capacity_table(
    service: ServiceTime,
    batching: Batching,
    source: Source,
    goal: Goal,
    *,
    routing: str = RANDOM_SPLIT,
    replicas: Sequence[int] = CAPACITY_REPLICAS,
) -> tuple[float, ...]:
    """R(c) in rows a second for each count of ``replicas``, at half of the goal's violations.

    Behind a random split each replica gets a random part of the requests, which is the same
    traffic at a lower rate: c replicas carry c times what one does.
    """
    strict = goal.stricter()
    if routing == POOLED:
        return tuple(
            carried(service, _pool(batching, count), source, strict).rows_per_second
            for count in replicas
        )
    one = carried(service, batching, source, strict).rows_per_second
    return tuple(one * count for count in replicas)


def answered_share(
    service: ServiceTime,
    batching: Batching,
    source: Source,
    goal: Goal,
    *,
    routing: str = RANDOM_SPLIT,
    steps: Sequence[float] = LOAD_STEPS,
    replicas: Sequence[int] = CAPACITY_REPLICAS,
) -> tuple[tuple[float, ...], ...]:
    """Share answered in time for each load (of what all replicas can do) and count of replicas."""
    table = []
    for step in steps:
        shares = []
        for count in replicas if routing == POOLED else (1,):
            pool = _pool(batching, count)
            rate = step * throughput(service, pool)
            outcome = open_loop(service, pool, source.at(rate, REQUESTS))
            shares.append(1.0 - outcome.violations(goal.seconds))
        table.append(tuple(shares) if routing == POOLED else tuple(shares * len(replicas)))
    return tuple(table)


def packed(table: Sequence[Sequence[float]]) -> str:
    """A byte for each share, rows one after another, as base64 text."""
    values = np.clip(np.rint(np.array(table) * 255), 0, 255).astype(np.uint8)
    return base64.b64encode(values.tobytes()).decode()


def longest_wait(goal_seconds: float, service: ServiceTime, batching: Batching) -> float:
    """Seconds that a request may wait so that it can still be answered in time; at least 1 µs.

    Triton refuses whoever waits for others longer than that, too, and it may wake late: at least
    twice the queue delay.
    """
    left = goal_seconds - service.of(batching.max_batch) - service.overhead
    return max(1e-6, left, 2 * batching.delay)


def _pool(batching: Batching, replicas: int) -> Batching:
    return replace(batching, instances=batching.instances * replicas)


def allowed_violations(percentile: float) -> float:
    """Share of the requests that may be slower than the goal at ``percentile``."""
    return max(0.0, 1.0 - percentile / 100.0) if math.isfinite(percentile) else 0.0
