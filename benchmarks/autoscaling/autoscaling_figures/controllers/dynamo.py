"""In the manner of NVIDIA Dynamo's planner: forecast ÷ profiled throughput, every three minutes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscaling_figures.simulator.world import Seen

from .signals import total_rate

#: Of the Kalman filter of a local linear trend, as its defaults have them.
Q_LEVEL, Q_TREND, R = 1.0, 0.1, 10.0


@dataclass(slots=True)
class LocalTrend:
    """A Kalman filter over level and trend, one step ahead."""

    level: float = math.nan
    trend: float = 0.0
    p: tuple[float, float, float] = (1.0, 0.0, 1.0)

    def add(self, value: float) -> float:
        """One more value; what the next one will be."""
        if math.isnan(self.level):
            self.level = value
            return value
        level, trend = self.level + self.trend, self.trend
        a, b, c = self.p
        a, b, c = a + 2 * b + c + Q_LEVEL, b + c, c + Q_TREND
        gain_level, gain_trend = a / (a + R), b / (a + R)
        error = value - level
        self.level, self.trend = level + gain_level * error, trend + gain_trend * error
        self.p = (a * (1 - gain_level), b * (1 - gain_level), c - gain_trend * b)
        return max(0.0, self.level + self.trend)


@dataclass(slots=True, kw_only=True)
class DynamoLike:
    """``capacity``: requests a second of a replica within the goal."""

    capacity: float
    interval: float = 180.0
    filters: dict[str, LocalTrend] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del gpus
        return {name: self._one(name, item, now) for name, item in seen.items()}

    def restart(self) -> None:
        """Its predictor begins anew."""
        self.filters.clear()

    def _one(self, name: str, seen: Seen, now: float) -> int:
        rate = total_rate(seen, now, self.interval)
        if math.isnan(rate):
            return seen.replicas
        expected = self.filters.setdefault(name, LocalTrend()).add(rate)
        return math.ceil(expected / self.capacity)
