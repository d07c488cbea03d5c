"""One round over all services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import ServiceView
from modelservice_operator.settings import BalancerSettings

from .replicas import BalancerState, Outcome, decide
from .samples import LoadReading, NoData

NOT_READ = NoData(reason="NotRead", message="the load was not read")


def plan_round(
    views: Mapping[ServiceKey, ServiceView],
    readings: Mapping[ServiceKey, LoadReading],
    states: Mapping[ServiceKey, BalancerState],
    *,
    now: datetime,
    settings: BalancerSettings,
) -> dict[ServiceKey, Outcome]:
    """What to do about each service. A service without a reading is held."""
    return {
        key: decide(
            view,
            readings.get(key, NOT_READ),
            states.get(key, BalancerState()),
            now=now,
            settings=settings,
        )
        for key, view in views.items()
    }
