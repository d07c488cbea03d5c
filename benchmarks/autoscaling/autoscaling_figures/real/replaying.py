"""A recorded window in the simulator: the same requests, the same profile, starts as measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoscaling_figures.controllers.hpa import Keda, offered
from autoscaling_figures.controllers.product import NAMESPACE, Product
from autoscaling_figures.runs.running import Run, of_record
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.service import Service
from autoscaling_figures.simulator.world import Controller, Seen, World
from modelservice_operator.api.capacity import capacity_of
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.load.cold_start import ColdStart
from modelservice_operator.load.replicas import BalancerState
from modelservice_runtime.contract.codec import decode
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.tuner.simulation.overlooking import OVERLOOKS

from .answers import Answer
from .recorded import Recorded
from .setting import GPUS, OURS, SERVICES, SHARE

#: Both look all the time, long before the first request.
_BEGINS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Measured seconds of starts, and of what it takes to drain."""

    starts: Sequence[float]
    drains: Sequence[float]


@dataclass(slots=True, kw_only=True)
class Each:
    """A rule of its own for each service."""

    rules: Mapping[str, Controller]
    interval: float = 15.0

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        return {
            name: self.rules[name].decide(now, {name: item}, gpus)[name]
            for name, item in seen.items()
        }

    def restart(self) -> None:
        """As its rules."""
        for rule in self.rules.values():
            rule.restart()


def replayed(recorded: Recorded, side: str, times: Times, seed: int) -> Mapping[str, Run]:
    """By service, by minute, with the lead."""
    profiles = {name: decode(Profile, recorded.profiles[name]) for name in SERVICES}
    services = []
    for number, name in enumerate(SERVICES):
        arrival = np.array([item.at for item in recorded.sides[side].answers if _is(item, name)])
        arrival.sort()
        model = model_of(profiles[name], times)
        service = Service(name, model, arrival, most=2 * GPUS + 8, seed=100 * seed + number)
        service.add_ready(1)
        services.append(service)
    world = World(
        services=services,
        controller=_ours(profiles, times) if side == OURS else _hpa(profiles),
        duration=recorded.seconds,
        gpus=GPUS,
        most=GPUS,
        seed=seed,
        begins=_BEGINS,
    )
    record = world.run()
    return {item.name: of_record(record, item.name, item.tally.starts) for item in services}


def _is(answer: Answer, service: str) -> bool:
    return answer.service == service


def model_of(profile: Profile, times: Times) -> ModelOf:
    """The straight line through the measured times of executions."""
    batches = [float(point.batch) for point in profile.service]
    seconds = [point.milliseconds / 1e3 for point in profile.service]
    each, base = np.polyfit(batches, seconds, 1)
    middle, slow = np.percentile(times.starts, (50, 95))
    return ModelOf(
        base=float(base),
        each=float(each),
        batch=profile.max_batch_size,
        instances=profile.instances,
        goal=profile.objective_ms / 1e3,
        start=float(middle),
        start_p95=max(1.0, float(slow / middle)),
        slow_share=0.0,
        drain=float(np.median(times.drains)) if times.drains else 0.0,
        overlooks=OVERLOOKS if profile.queue_timeout_microseconds else 0.0,
    )


def _ours(profiles: Mapping[str, Profile], times: Times) -> Controller:
    """It has seen starts before: of the rollouts, and of earlier windows."""
    capacities = {}
    for name, profile in profiles.items():
        capacity = capacity_of(profile)
        if capacity is None:
            raise ValueError(f"the profile of {name} cannot be used")
        capacities[name] = capacity
    seen = BalancerState(starts=ColdStart(seen=(float(np.median(times.starts)),)))
    states = dict.fromkeys((ServiceKey(NAMESPACE, name) for name in profiles), seen)
    return Product(capacities=capacities, most=GPUS, states=states)


def _hpa(profiles: Mapping[str, Profile]) -> Controller:
    """AverageValue of one number, asked for at every look."""
    return Each(
        rules={
            name: Keda(metric=offered, target=SHARE * profile.capacity_rows_per_second, poll=0.0)
            for name, profile in profiles.items()
        }
    )
