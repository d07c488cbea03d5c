"""What so many replicas are worth to a service, by what its load may become. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from modelservice_operator.api.capacity import Capacity

from .sizing import Demand

#: The load may stay at its slow mean, be as forecast, or be above it by one or two spreads.
CHANCES = (0.25, 0.35, 0.25, 0.15)


def worth(
    demand: Demand, capacity: Capacity, *, slow: float, spread: float, speed: float
) -> Callable[[int], float]:
    """Share of the requests that as many replicas answer in time, 0 … 1; never falls.

    ``slow``: mean rate of the last minute; ``spread``: what forecasts fall short by, rows/s.
    """
    loads = (slow, demand.expected, demand.expected + spread, demand.expected + 2 * spread)

    @cache
    def of(replicas: int) -> float:
        if replicas <= 0:
            return 0.0
        shares = (
            chance * capacity.share_in_time(load / speed, replicas)
            for chance, load in zip(CHANCES, loads, strict=True)
        )
        return max(sum(shares), of(replicas - 1))

    return of
