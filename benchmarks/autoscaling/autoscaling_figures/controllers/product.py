"""The product: its own functions, called as the operator's fleet loop calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autoscaling_figures.simulator.service import Service
from autoscaling_figures.simulator.world import Seen
from modelservice_operator.api.capacity import Capacity
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.api.spec import Scaling
from modelservice_operator.fleet import Pool, ReplicaSeen, ServiceView
from modelservice_operator.load.balance import plan_round
from modelservice_operator.load.budget import Budget
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.offered import CounterSample, ReplicaCounters
from modelservice_operator.load.reading import Load, LoadReading, NoData, read_load
from modelservice_operator.load.replicas import BalancerState
from modelservice_operator.settings import BalancerSettings

GPU = Pool("nvidia.com/gpu")
#: Of all simulated services.
NAMESPACE = "sim"
#: The operator's clock begins somewhere after 1970.
EPOCH = 1_000_000_000.0
#: A reading of the same samples is the same for so long, but for its age.
REREAD_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class Product:
    """``capacities``, ``priorities``: by service.

    ``allowed``: share of the requests that may miss the goal, if not the model's.
    """

    capacities: Mapping[str, Capacity]
    priorities: Mapping[str, int] = field(default_factory=dict)
    least: int = 1
    most: int = 1000
    interval: float = 5.0
    settings: BalancerSettings = field(default_factory=BalancerSettings)
    states: dict[ServiceKey, BalancerState] = field(default_factory=dict)
    allowed: float | None = None
    _readings: dict[str, tuple[object, float, LoadReading]] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        views = {ServiceKey(NAMESPACE, name): self._view(item, gpus) for name, item in seen.items()}
        readings = {key: self._reading(views[key], seen[key.name], now) for key in views}
        budgets = Budgets(pools={GPU: Budget(resource=GPU.resource, usable=gpus)} if gpus else {})
        found = plan_round(
            views, readings, self.states, budgets, now=EPOCH + now, settings=self.settings
        )
        self.states = {key: outcome.state for key, outcome in found.items()}
        return {
            key.name: outcome.replicas
            for key, outcome in found.items()
            if outcome.replicas is not None
        }

    def restart(self) -> None:
        """What is kept on the object survives, the rest does not."""
        self.states = {key: kept(state) for key, state in self.states.items()}

    def forget_readings(self) -> None:
        """The next decision reads everything anew."""
        self._readings.clear()

    def _view(self, seen: Seen, gpus: int | None) -> ServiceView:
        service = seen.service
        return ServiceView(
            key=ServiceKey(NAMESPACE, service.name),
            scaling=Scaling(
                min_replicas=self.least,
                max_replicas=self.most,
                mode="Auto",
                replicas=None,
                priority=self.priorities.get(service.name, 0),
            ),
            suspend=False,
            capacity=self.capacities[service.name],
            replicas=service.wanted,
            pods=pods_of(service),
            batch=service.model.batch,
            allowed=service.model.allowed if self.allowed is None else self.allowed,
            pool=GPU if gpus else None,
            gpus=1 if gpus else 0,
        )

    def _reading(self, view: ServiceView, seen: Seen, now: float) -> LoadReading:
        if not seen.answers:
            return NoData(reason="PrometheusUnreachable", message="Prometheus does not answer")
        ready = frozenset(pod.pod for pod in view.ready)
        same = (seen.history.version, ready)
        known, at, reading = self._readings.get(view.key.name, (None, 0.0, None))
        if known == same and reading is not None and now - at < REREAD_SECONDS:
            if isinstance(reading, Load):
                return replace(reading, age_seconds=reading.age_seconds + now - at)
            return reading
        reading = self._read(view, seen, now)
        self._readings[view.key.name] = (same, now, reading)
        return reading

    def _read(self, view: ServiceView, seen: Seen, now: float) -> LoadReading:
        since = {pod.pod: pod.created_at for pod in view.pods}
        counters = [
            ReplicaCounters(
                pod=name,
                since=since.get(name),
                samples=tuple(
                    CounterSample(
                        at=EPOCH + scrape.at,
                        successes=scrape.successes,
                        failures=scrape.failures,
                        rejected=scrape.failures,
                        rows=scrape.successes,
                        pending=scrape.pending,
                    )
                    for scrape in samples
                ),
            )
            for name, samples in seen.history.samples.items()
        ]
        return read_load(
            counters,
            ready={pod.pod for pod in view.ready},
            now=EPOCH + now,
            stale_seconds=self.settings.metrics_stale_seconds,
        )


def pods_of(service: Service) -> tuple[ReplicaSeen, ...]:
    """As the API server tells of them, those that wait for a place too."""
    waiting = tuple(
        ReplicaSeen(
            pod=f"{service.name}-waits-{number}",
            created_at=EPOCH + since,
            homeless_since=EPOCH + since,
        )
        for number, since in enumerate(service.homeless)
    )
    return waiting + tuple(
        ReplicaSeen(
            pod=replica.name,
            created_at=EPOCH + replica.created,
            ready_at=EPOCH + replica.ready_at if replica.ready_at <= service.now else None,
            leaving=replica.leaving_since is not None,
        )
        for replica in service.replicas
    )


def kept(state: BalancerState) -> BalancerState:
    """What the operator writes down, and reads after a restart."""
    return BalancerState(
        shortfalls=state.shortfalls,
        care=state.care,
        starts=state.starts,
        started=state.started,
        decisions=state.decisions,
    )
