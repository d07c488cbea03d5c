"""How many replicas the expected load takes. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelservice_operator.api.capacity import Capacity, trusted

#: A queue is worked off within so many seconds.
CLEAR_SECONDS = 20.0
#: A queue alone asks for no more than this beyond what the load takes: most of it came while
#: replicas were still loading.
QUEUE_FACTOR, QUEUE_EXTRA = 2, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Rows a second: ``rate`` now, ``expected`` when a replica asked for now is ready.

    ``planned``: with the margin. ``lead_seconds``: until then. ``pending``: requests in the queues.
    """

    rate: float
    expected: float
    planned: float
    lead_seconds: float
    pending: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """``replicas`` for the demand; ``words``: why."""

    replicas: int
    words: str


def size(demand: Demand, capacity: Capacity, *, speed: float, ready: int, batch: int) -> Size:
    """``speed``: measured ÷ profiled; ``ready``: replicas that answer; ``batch``: their largest."""
    speed = trusted(speed)
    for_load = capacity.replicas_for(demand.planned / speed)
    each = f"capacity {figure(speed * capacity.of(1))} rows/s each"
    load = f"{_load_words(demand)}, {each}"
    if demand.pending <= batch * max(1, ready):
        return Size(replicas=for_load, words=load)
    done = demand.rate + demand.pending / CLEAR_SECONDS
    for_queue = math.ceil(done / (speed * capacity.full) - 1e-9)
    for_queue = min(QUEUE_FACTOR * for_load + QUEUE_EXTRA, for_queue)
    if for_queue <= for_load:
        return Size(replicas=for_load, words=load)
    queue = f"{demand.pending:.0f} requests wait"
    return Size(replicas=for_queue, words=f"{load}; {queue}")


def _load_words(demand: Demand) -> str:
    soon = f"expected in {demand.lead_seconds:.0f} s"
    if demand.planned >= demand.expected:
        return f"{figure(demand.planned)} rows/s {soon}"
    all_of_it = f"{figure(demand.expected)} rows/s {soon}"
    return f"{figure(demand.planned)} planned for of {all_of_it} since hardly any is refused"


def figure(value: float) -> str:
    """Three digits: ``0.42``, ``4.2``, ``42``, ``420``, ``4200``."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):g}" if digits else f"{value:.0f}"
