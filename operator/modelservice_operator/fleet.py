"""What the fleet loop and the services' reconciles tell each other, in memory.

Reconcile publishes what a service needs (`ServiceView`); the fleet loop publishes what it saw
and decided (`Verdict`). Both can be lost at any time: each side writes its own again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from .api.service import Decision, ServiceKey
from .api.spec import Scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """What sizing needs to know of one service.

    ``capacity_rows_per_second``: of one replica, within the goal; None before there is a
    profile. ``replicas``: the Deployment's spec.replicas; None while there is no Deployment.
    """

    key: ServiceKey
    scaling: Scaling
    suspend: bool
    capacity_rows_per_second: float | None
    replicas: int | None
    ready_replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the fleet loop last found for one service.

    ``metrics_available``: True fresh, False missing or stale (``metrics_reason`` and
    ``metrics_message`` say which), None not looked at yet. ``desired``: the count it wants.
    """

    desired: int
    reason: str
    metrics_available: bool | None
    metrics_reason: str
    metrics_message: str
    decisions: tuple[Decision, ...] = ()


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
