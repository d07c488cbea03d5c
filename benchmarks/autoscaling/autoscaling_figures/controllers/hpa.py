"""Kubernetes' HorizontalPodAutoscaler v2 (pkg/controller/podautoscaler), and KEDA before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autoscaling_figures.simulator.world import Seen

from .signals import pod_rates, total_pending, total_rate

TOLERANCE = 0.1
#: Upwards at most the larger of these in a period.
UP_PODS, UP_SHARE, PERIOD = 4, 1.0, 15.0

Metric = Callable[[Seen, float], float]
PodMetric = Callable[[Seen, float], dict[str, float]]


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """Of one service: recommendations of the stabilisation window, and changes of the period."""

    stabilization: float = 300.0
    recommended: list[tuple[float, int]] = field(default_factory=list)
    ups: list[tuple[float, int]] = field(default_factory=list)

    def limited(self, now: float, current: int, wanted: int) -> int:
        """What of a recommendation is done now."""
        self.recommended = [x for x in self.recommended if x[0] > now - self.stabilization]
        self.recommended.append((now, wanted))
        if wanted < current:
            wanted = min(current, max(count for _, count in self.recommended))
        if wanted <= current:
            return wanted
        self.ups = [item for item in self.ups if item[0] > now - PERIOD]
        began = current - sum(count for _, count in self.ups)
        most = max(began + UP_PODS, math.ceil(began * (1 + UP_SHARE)))
        wanted = min(wanted, max(current, most))
        self.ups.append((now, wanted - current))
        return wanted


@dataclass(slots=True, kw_only=True)
class Hpa:
    """A Pods metric against ``target``: offered requests a second of each pod, or another one."""

    target: float
    metric: PodMetric = pod_rates
    stabilization: float = 300.0
    interval: float = 15.0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del gpus
        return {name: self._one(name, item, now) for name, item in seen.items()}

    def restart(self) -> None:
        """Recommendations are in its memory."""
        self.behaviours.clear()

    def _one(self, name: str, seen: Seen, now: float) -> int:
        rule = self.behaviours.setdefault(name, Behaviour(stabilization=self.stabilization))
        current = seen.replicas
        wanted = self._wanted(seen, now)
        return current if wanted is None else rule.limited(now, current, wanted)

    def _wanted(self, seen: Seen, now: float) -> int | None:
        """As GetMetricReplicas: pods without a metric count against the direction."""
        rates = self.metric(seen, now) if seen.answers else {}
        names = {pod.name for pod in seen.service.staying()}
        known = {pod: rate for pod, rate in rates.items() if pod in names}
        if not known:
            return None
        ratio = sum(known.values()) / len(known) / self.target
        missing = seen.replicas - len(known)
        if missing <= 0:
            return self._by(ratio, len(known), seen.replicas)
        if abs(ratio - 1) <= TOLERANCE:
            return seen.replicas
        filled = sum(known.values()) + (missing * self.target if ratio < 1 else 0.0)
        again = filled / (len(known) + missing) / self.target
        if abs(again - 1) <= TOLERANCE or (ratio < 1) != (again < 1):
            return seen.replicas
        wanted = math.ceil(again * (len(known) + missing))
        turned = wanted > seen.replicas if again < 1 else wanted < seen.replicas
        return seen.replicas if turned else wanted

    @staticmethod
    def _by(ratio: float, pods: int, current: int) -> int:
        return current if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * pods)


@dataclass(slots=True, kw_only=True)
class Keda:
    """A Prometheus scaler: ``AverageValue`` of one number; no result counts as 0."""

    metric: Metric
    target: float
    stabilization: float = 300.0
    interval: float = 15.0
    poll: float = 30.0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    _values: dict[str, tuple[float, float]] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del gpus
        return {name: self._one(name, item, now) for name, item in seen.items()}

    def restart(self) -> None:
        """Recommendations are in the memory of the HPA, which is not KEDA's own process."""

    def _one(self, name: str, seen: Seen, now: float) -> int:
        rule = self.behaviours.setdefault(name, Behaviour(stabilization=self.stabilization))
        at, value = self._values.get(name, (-math.inf, math.nan))
        if now - at >= self.poll:
            if not seen.answers:
                return seen.replicas  # an error of the scaler: the HPA skips
            value = self.metric(seen, now)
            value = 0.0 if math.isnan(value) else value  # ignoreNullValues
            self._values[name] = (now, value)
        if math.isnan(value):
            return seen.replicas
        usage = value / (self.target * max(1, seen.replicas))
        if abs(usage - 1) <= TOLERANCE:
            return rule.limited(now, seen.replicas, seen.replicas)
        return rule.limited(now, seen.replicas, math.ceil(value / self.target))


def offered(seen: Seen, now: float) -> float:
    """Requests a second of the service."""
    return total_rate(seen, now)


def queued(seen: Seen, now: float) -> float:
    """Requests that wait: the queue-depth recipe."""
    del now
    return total_pending(seen)
