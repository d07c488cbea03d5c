"""Services whose pods are replaced, on so many GPUs: a Deployment and a scheduler, in seconds.

As Kubernetes does it with maxSurge 1 and maxUnavailable 0; a pod that leaves drains first, and
holds its GPU to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleet_samples import GPU

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import ReplicaSeen, ServiceView
from modelservice_operator.load.balance import Outcome, plan_round
from modelservice_operator.load.budget import Budget
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.reading import LoadReading
from modelservice_operator.load.replicas import BalancerState
from modelservice_operator.settings import BalancerSettings

STEP_SECONDS = 5.0
START_SECONDS, DRAIN_SECONDS = 15.0, 20.0


@dataclass(slots=True)
class Pod:
    """``placed_at``: since when it has a GPU; ``leaves_at``: when it has drained."""

    name: str
    template: int
    created_at: float
    placed_at: float | None = None
    leaves_at: float | None = None

    def ready(self, now: float) -> bool:
        """Whether it answers."""
        return self.started(now) and self.leaves_at is None

    def started(self, now: float) -> bool:
        """Whether it has loaded its model."""
        return self.placed_at is not None and now - self.placed_at >= START_SECONDS


@dataclass(slots=True)
class Rolled:
    """One service: what the operator knows of it beside its pods, its template, its pods."""

    view: ServiceView
    replicas: int
    template: int = 0
    pods: list[Pod] = field(default_factory=list)
    made: int = 0

    def active(self, *, newest: bool | None = None) -> list[Pod]:
        """Pods that do not leave, of the newest template, of older ones, or all."""
        return [
            pod
            for pod in self.pods
            if pod.leaves_at is None and newest in {None, pod.template == self.template}
        ]

    def ready(self, now: float) -> int:
        """How many answer."""
        return sum(pod.ready(now) for pod in self.pods)

    def make(self, now: float) -> None:
        """One pod more, of the newest template."""
        name = f"{self.view.key.name}-{self.made}"
        self.made += 1
        self.pods.append(Pod(name=name, template=self.template, created_at=now))

    def remove(self, pod: Pod, now: float) -> None:
        """It drains, if it has started at all."""
        if pod.placed_at is None:
            self.pods.remove(pod)
        else:
            pod.leaves_at = now + DRAIN_SECONDS

    def control(self, now: float) -> None:
        """What the Deployment's controller does at one look."""
        old, new = self.active(newest=False), self.active(newest=True)
        allowed = self.replicas + (1 if old else 0)
        while len(old) + len(new) > allowed:
            group = old if len(old) >= len(new) else new
            group.sort(key=lambda pod: (pod.ready(now), -pod.created_at))
            self.remove(group.pop(0), now)
        while len(new) < self.replicas and len(old) + len(new) < allowed:
            self.make(now)
            new = self.active(newest=True)
        spare = sum(pod.ready(now) for pod in (*old, *new)) - self.replicas
        for pod in old[: max(0, spare)]:
            self.remove(pod, now)

    def seen(self, now: float) -> ServiceView:
        """What the operator sees."""
        pods = tuple(
            ReplicaSeen(
                pod=pod.name,
                created_at=pod.created_at,
                ready_at=now if pod.started(now) else None,
                leaving=pod.leaves_at is not None,
                homeless_since=pod.created_at if pod.placed_at is None else None,
            )
            for pod in self.pods
        )
        rolling = bool(self.active(newest=False))
        return replace(self.view, replicas=self.replicas, pods=pods, rolling=rolling)


class RollingWorld:
    """All of it, and the balancer."""

    def __init__(self, gpus: int, services: Mapping[str, Rolled], now: float) -> None:
        self.gpus, self.services, self.now = gpus, services, now
        self.states: dict[ServiceKey, BalancerState] = {}
        self.outcomes: dict[str, Outcome] = {}
        for service in services.values():
            for _ in range(service.replicas):
                service.make(now - 1000)
                service.pods[-1].placed_at = now - 1000

    def held(self) -> int:
        """GPUs that pods hold."""
        pods = [pod for service in self.services.values() for pod in service.pods]
        return sum(pod.placed_at is not None for pod in pods)

    def step(self, readings: Mapping[str, LoadReading]) -> None:
        """Five seconds: pods come and go, then the balancer looks once."""
        self.now += STEP_SECONDS
        for service in self.services.values():
            service.pods = [
                pod for pod in service.pods if pod.leaves_at is None or pod.leaves_at > self.now
            ]
            service.control(self.now)
        for service in self.services.values():
            for pod in service.pods:
                if pod.placed_at is None and self.held() < self.gpus:
                    pod.placed_at = self.now
        self._balance(readings)

    def _balance(self, readings: Mapping[str, LoadReading]) -> None:
        views = {service.view.key: service.seen(self.now) for service in self.services.values()}
        found = plan_round(
            views,
            {key: readings[key.name] for key in views},
            self.states,
            Budgets(pools={GPU: Budget(resource=GPU.resource, usable=self.gpus)}),
            now=self.now,
            settings=BalancerSettings(),
        )
        self.outcomes = {key.name: outcome for key, outcome in found.items()}
        self.states = {key: outcome.state for key, outcome in found.items()}
        for name, outcome in self.outcomes.items():
            if outcome.replicas is not None:
                self.services[name].replicas = outcome.replicas
