"""What the decisions need from the world, as protocols; ``adapters`` implement them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from .api.service import ServiceKey, ServiceRef
from .drift.statistics import PodStatistics, Refused, Unheard
from .fleet import ServiceView, Verdict
from .load.gpus import Budgets
from .load.reading import LoadReading
from .plan.observed import PodSeen


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""


class LoadPort(Protocol):
    """Offered load, by service."""

    async def read(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> Mapping[ServiceKey, LoadReading]:
        """The load of every service, at ``now`` (POSIX seconds).

        "No data" is one of the readings; nothing is raised.
        """


class GpusPort(Protocol):
    """How many GPUs there are for services."""

    async def read(self, views: Mapping[ServiceKey, ServiceView], now: float) -> Budgets:
        """The budget of each pool that these services use, at ``now`` (POSIX seconds).

        "Not known" is one of the values; nothing is raised.
        """


class ReplicasPort(Protocol):
    """The one writer of replica counts."""

    async def set_replicas(self, key: ServiceKey, replicas: int) -> None:
        """Apply ``replicas`` to the service's Deployment, as the balancer's field manager."""

    async def mark(self, key: ServiceKey, pod: str, *, goes_first: bool) -> None:
        """A replica is one of the first to go when there are fewer, or is not any more.

        That it is gone is fine. Errors: ``UnavailableError``.
        """


class AppliesPort(Protocol):
    """Where the balancer keeps what it has learned."""

    async def apply(self, manifest: Mapping[str, Any], manager: str) -> None:
        """Server-side apply, forcing the fields that we own.

        Errors: ``UnavailableError``.
        """


class ClusterPort(Protocol):
    """The Kubernetes API as reconcile uses it. Objects are plain JSON dicts.

    Errors: ``UnavailableError`` (api/errors.py) for anything that may pass (connection, 429, 5xx,
    conflict); NotFound is a value (None), not an error.
    """

    async def read_service(self, key: ServiceKey) -> Mapping[str, Any] | None:
        """The ModelService, or None when it is gone."""

    async def list_services(self, namespaces: Collection[str]) -> list[ServiceKey]:
        """Every ModelService in ``namespaces``; empty means all namespaces."""

    async def list_children(self, key: ServiceKey, kind: str) -> list[Mapping[str, Any]]:
        """The service's children of one kind (Deployment, Job, ConfigMap, Pod), by label."""

    async def list_autoscalers(self, namespace: str) -> list[Mapping[str, Any]]:
        """Every HorizontalPodAutoscaler there, whoever made it; of half a minute ago at most."""

    async def apply(self, manifest: Mapping[str, Any], manager: str) -> None:
        """Server-side apply, forcing the fields that we own."""

    async def create(self, manifest: Mapping[str, Any]) -> None:
        """Create; that it exists already is fine."""

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete with background propagation; that it is gone already is fine."""

    async def patch_status(self, key: ServiceKey, status: Mapping[str, Any]) -> None:
        """Write the ModelService's status subresource (merge patch)."""

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log, empty when there is none to be had."""

    async def event(
        self, service: Mapping[str, Any], type_: str, reason: str, message: str, now: datetime
    ) -> None:
        """A Kubernetes event on the ModelService."""

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """The entries of one Secret, or None where there is none."""


class ServicesPort(Protocol):
    """ModelServices as the commands read them. Errors: ``UnavailableError``."""

    async def read_service(self, key: ServiceKey) -> Mapping[str, Any] | None:
        """The ModelService, or None where there is none."""

    async def read_services(self, namespace: str) -> list[Mapping[str, Any]]:
        """Every ModelService of the namespace; ``""``: of all."""


class FiguresPort(Protocol):
    """The operator's own figures, from outside of it."""

    async def read(self) -> str:
        """The text of its /metrics.

        Errors: ``UnavailableError``.
        """


class KeysPort(Protocol):
    """The keys of Triton's closed APIs."""

    async def admin_key(self, ref: ServiceRef) -> str:
        """The key of this service; the same at every call.

        Errors: ``UnavailableError``.
        """


class InferencePort(Protocol):
    """The Triton of one pod. Every answer is a value, the missing one too; nothing is raised."""

    async def statistics(self, pod: PodSeen, model: str) -> PodStatistics | Unheard:
        """What it has counted, and which configuration it serves."""

    async def load(
        self, pod: PodSeen, model: str, *, config: str, key: str
    ) -> Refused | Unheard | None:
        """Serve ``config`` (text of a config.pbtxt) from now on; None when that is done.

        Requests are answered all the while: by the old setting until the new one is ready.
        """


class Telemetry(Protocol):
    """The operator's own figures."""

    def reconciled(self, result: str, seconds: float) -> None:
        """One look at one service: ``ok`` or ``error``, and how long it took."""

    def job_ended(self, kind: str, outcome: str) -> None:
        """A build or tune Job has a result."""


class FleetTelemetry(Protocol):
    """The fleet loop's own figures."""

    def beat(self, loop: str) -> None:
        """The loop has turned."""

    def observed(self, view: ServiceView, reading: LoadReading | None, verdict: Verdict) -> None:
        """What one round found for one service."""

    def shared(self, budgets: Budgets) -> None:
        """How many GPUs there are for services."""

    def forget(self, key: ServiceKey) -> None:
        """The service is gone: its series go too."""
