"""What replicas of a simulated model carry: the tuner's own simulation, as in a real profile."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from modelservice_operator.api.capacity import Capacity
from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, RANDOM_SPLIT
from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.simulation.arrivals import Source
from modelservice_runtime.tuner.simulation.capacity import (
    POOLED,
    Goal,
    answered_share,
    capacity_table,
    throughput,
)
from modelservice_runtime.tuner.simulation.outcomes import Batching
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

from .simulator.model import ModelOf

#: About as many as the services of this benchmark have.
TOGETHER = 6


@cache
def capacity_of_model(model: ModelOf) -> Capacity:
    """Of replicas with a queue each; behind whatever the model is behind."""
    table = model.table()
    service = ServiceTime(
        batches=tuple(range(1, model.batch + 1)), seconds=tuple(table[1:].tolist())
    )
    batching = Batching(
        instances=model.instances,
        max_batch=model.batch,
        delay=0.0,
        timeout=replace(model, patient=False).timeout,
    )
    source = Source(rows_per_request=SINGLE_ROWS)
    goal = Goal(seconds=model.goal, violations=model.allowed)
    routing = POOLED if model.pooled else RANDOM_SPLIT
    return Capacity(
        counts=CAPACITY_REPLICAS,
        rows=capacity_table(service, batching, source, goal, routing=routing),
        full=throughput(service, batching),
        answered=answered_share(service, batching, source, goal, routing=routing),
    )


def each_of(model: ModelOf) -> float:
    """Requests a second of a replica, for rules that know no more: of some together if pooled."""
    capacity = capacity_of_model(model)
    return capacity.of(TOGETHER) / TOGETHER if model.pooled else capacity.of(1)
