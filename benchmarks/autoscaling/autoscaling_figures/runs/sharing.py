"""Several services under one controller and so many GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoscaling_figures.simulator.arrivals import Trace, arrivals
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.service import Service
from autoscaling_figures.simulator.world import Change, Controller, Fault, World

from .running import Run, of_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """``runs``: by service. ``changes``: of what was wanted, in their order."""

    runs: Mapping[str, Run]
    changes: Sequence[Change]

    @property
    def missed(self) -> float:
        """Share of all requests."""
        offered = sum(float(run.offered.sum()) for run in self.runs.values())
        return sum(float(run.violations.sum()) for run in self.runs.values()) / max(1.0, offered)

    @property
    def worst(self) -> float:
        """The worst service's share."""
        return max(run.missed for run in self.runs.values())

    @property
    def mean(self) -> float:
        """Mean of the services' shares."""
        return float(np.mean([run.missed for run in self.runs.values()]))

    @property
    def jain(self) -> float:
        """How even the services' shares of requests in time are: 1 for all alike."""
        good = np.array([1 - run.missed for run in self.runs.values()])
        return float(good.sum() ** 2 / (len(good) * (good**2).sum()))


def share(
    traces: Mapping[str, Trace],
    model: ModelOf,
    controller: Controller,
    gpus: int,
    *,
    seed: int,
    faults: tuple[Fault, ...] = (),
    first: int = 0,
) -> Shared:
    """From start to end; ``first``: replicas of each at the beginning.

    Without it GPUs are shared by the load of the first minutes.
    """
    begin = dict.fromkeys(traces, first) if first else beginning(traces, gpus)
    services = []
    for number, (name, trace) in enumerate(traces.items()):
        service = Service(
            name, model, arrivals(trace, 100 * seed + number),
            most=2 * gpus + 8, seed=100 * seed + number,
        )  # fmt: skip
        service.add_ready(begin[name])
        services.append(service)
    world = World(
        services=services,
        controller=controller,
        duration=min(trace.duration for trace in traces.values()),
        gpus=gpus,
        most=gpus,
        faults=faults,
        seed=seed,
    )
    record = world.run()
    return Shared(
        runs={item.name: of_record(record, item.name, item.tally.starts) for item in services},
        changes=tuple(record.changes),
    )


def beginning(traces: Mapping[str, Trace], gpus: int) -> dict[str, int]:
    """At least one each, then one by one to the service with most load for each replica."""
    rates = {
        name: float(trace.rate[: max(1, round(300.0 / trace.seconds))].mean())
        for name, trace in traces.items()
    }
    given = dict.fromkeys(traces, 1)
    for _ in range(gpus - len(given)):
        most = max(given, key=lambda name: rates[name] / given[name])
        given[most] += 1
    return given
