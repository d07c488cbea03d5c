"""What the fleet loop and the services' reconciles tell each other, in memory.

Reconcile publishes what a service needs (`ServiceView`); the fleet loop publishes what it saw
and decided (`Verdict`). Both can be lost at any time: each side writes its own again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .api.capacity import Capacity
from .api.pausing import Pause
from .api.service import Decision, ServiceKey
from .api.spec import Scaling

#: A reason of the condition WithinBudget: a rollout does not go on for want of a GPU.
ROLLOUT_WAITS = "RolloutWaits"


class Pool(NamedTuple):
    """GPUs that services share: a resource (``nvidia.com/gpu``) on the nodes with these labels."""

    resource: str
    selector: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        labels = ",".join(f"{name}={value}" for name, value in self.selector)
        return f"{self.resource} on nodes {labels}" if labels else self.resource


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSeen:
    """One serving pod; times are POSIX seconds.

    ``ready_at``: since when it answers, None while it does not. ``leaving``: it is being deleted.
    ``homeless_since``: since when the scheduler finds no place for it, None where it has one.
    ``marked``: it is to go first when there are to be fewer.
    """

    pod: str
    created_at: float
    address: str = ""
    ready_at: float | None = None
    leaving: bool = False
    homeless_since: float | None = None
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """What sizing needs to know of one service.

    ``capacity``: of its replicas, within the goal; None before there is a profile that can be
    used. ``speed``: measured ÷ profiled. ``batch``: the largest that Triton makes. ``allowed``:
    share of the requests that may miss the goal. ``goal``: in words. ``replicas``: the
    Deployment's spec.replicas; None while there is no Deployment. ``pool``, ``gpus``: how many
    of it a replica holds; None and 0 where it holds none. ``rival``: who sets the replicas too, in
    words, or empty. ``uid``: of the object. ``remembered``: what the balancer has kept of it, JSON,
    empty for nothing; it is asked for once in a process, so a new text alone makes no other view.
    ``rolling``: a rollout is under way, pods of an older template are there.
    """

    key: ServiceKey
    scaling: Scaling
    suspend: bool
    capacity: Capacity | None
    replicas: int | None
    pods: tuple[ReplicaSeen, ...] = ()
    speed: float = 1.0
    batch: int = 1
    allowed: float = 0.01
    goal: str = ""
    pool: Pool | None = None
    gpus: int = 0
    uid: str = ""
    remembered: str = field(default="", compare=False)
    pause: Pause | None = None
    rival: str = ""
    rolling: bool = False

    @property
    def surge(self) -> int:
        """New pods that a rollout under way has beside the replicas: one at a time."""
        return int(self.rolling and bool(self.replicas))

    @property
    def ready(self) -> tuple[ReplicaSeen, ...]:
        """The replicas that answer."""
        return tuple(pod for pod in self.pods if pod.ready_at is not None and not pod.leaving)

    @property
    def held(self) -> int:
        """Replicas that hold their GPUs, or will at once: those that leave do so to the end."""
        leaving = sum(pod.leaving for pod in self.pods)
        return max(len(self.pods), (self.replicas or 0) + leaving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Rows a second when a replica asked for now is ready; ``planned``: with the margin."""

    expected: float
    planned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the fleet loop last found for one service.

    ``metrics_available``: True fresh, False missing or stale (``metrics_reason`` and
    ``metrics_message`` say which), None not looked at yet. ``desired``: the count it wants.
    ``within_budget``: False where GPUs are missing (``budget_message`` says how many and why),
    None for a service without GPUs. ``outlook``: None where the load does not decide.
    """

    desired: int
    reason: str
    metrics_available: bool | None
    metrics_reason: str
    metrics_message: str
    decisions: tuple[Decision, ...] = ()
    within_budget: bool | None = None
    budget_reason: str = ""
    budget_message: str = ""
    outlook: Outlook | None = None


@dataclass(slots=True)
class Fleet:
    """The exchange. ``changed`` wakes the fleet loop before its interval is over."""

    views: dict[ServiceKey, ServiceView] = field(default_factory=dict)
    verdicts: dict[ServiceKey, Verdict] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, view: ServiceView) -> None:
        """Reconcile: this service is (now) like this."""
        if self.views.get(view.key) != view:
            self.views[view.key] = view
            self.changed.set()

    def forget(self, key: ServiceKey) -> None:
        """The service is gone."""
        self.views.pop(key, None)
        self.verdicts.pop(key, None)

    def snapshot(self) -> Mapping[ServiceKey, ServiceView]:
        """The services as they are now."""
        return dict(self.views)
