"""What replicas of a simulated model carry: the tuner's own simulation, as in a real profile."""

from __future__ import annotations

from functools import cache

from modelservice_operator.api.capacity import Capacity
from modelservice_runtime.contract.profile import CAPACITY_REPLICAS
from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.simulation.arrivals import Source
from modelservice_runtime.tuner.simulation.capacity import (
    Goal,
    answered_share,
    carried,
    throughput,
)
from modelservice_runtime.tuner.simulation.outcomes import Batching
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

from .simulator.model import ModelOf


@cache
def capacity_of_model(model: ModelOf) -> Capacity:
    """Of replicas with a queue each, requests split at random."""
    table = model.table()
    service = ServiceTime(
        batches=tuple(range(1, model.batch + 1)), seconds=tuple(table[1:].tolist())
    )
    batching = Batching(
        instances=model.instances, max_batch=model.batch, delay=0.0, timeout=model.timeout
    )
    source = Source(rows_per_request=SINGLE_ROWS)
    goal = Goal(seconds=model.goal, violations=model.allowed)
    one = carried(service, batching, source, goal.stricter()).rows_per_second
    return Capacity(
        counts=CAPACITY_REPLICAS,
        rows=tuple(one * count for count in CAPACITY_REPLICAS),
        full=throughput(service, batching),
        answered=answered_share(service, batching, source, goal),
    )
