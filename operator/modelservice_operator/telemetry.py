"""The operator's own figures (/metrics) and its heartbeat (/healthz).

Health means: every loop that has ever beaten has beaten within the limit. It asks nobody: a
missing API server or Prometheus is no reason to restart the operator.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from .api.capacity import trusted
from .api.service import ServiceKey
from .fleet import Pool, ServiceView, Verdict
from .load.gpus import Budgets
from .load.reading import Load, LoadReading

_LABELS = ("namespace", "name")

#: Only these loops turn by themselves; "watch" merely notes that events arrive.
REQUIRED_LOOPS = ("resync", "fleet")


class Heartbeats:
    """When each loop last turned, on a clock that never jumps."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit_seconds
        self._clock = clock
        self._beats = dict.fromkeys(REQUIRED_LOOPS, clock())

    def beat(self, loop: str) -> None:
        """The loop has turned."""
        self._beats[loop] = self._clock()

    def late(self) -> dict[str, float]:
        """Loops that have not turned within the limit, and for how many seconds."""
        now = self._clock()
        ages = {loop: now - self._beats[loop] for loop in REQUIRED_LOOPS}
        return {loop: age for loop, age in ages.items() if age > self._limit}


class OperatorTelemetry:
    """Counters, gauges and heartbeats, served over HTTP."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.heartbeats = Heartbeats(limit_seconds, clock)
        self.registry = CollectorRegistry()
        self._by_service: list[Gauge] = []
        self._reconciles = self._counter(
            "modelservice_reconcile_total", "Looks at services", ("result",)
        )
        self._seconds = Histogram(
            "modelservice_reconcile_duration_seconds",
            "Duration of a look at a service",
            registry=self.registry,
        )
        self._jobs = self._counter(
            "modelservice_jobs_total", "Jobs that ended", ("kind", "outcome")
        )
        self._desired = self._gauge("modelservice_replicas_desired", "Replicas wanted")
        self._ready = self._gauge("modelservice_replicas_ready", "Replicas that answer")
        self._known = self._gauge(
            "modelservice_metrics_available",
            "Whether the load of replicas that answer is known (1) or not (0)",
        )
        self._offered = self._gauge(
            "modelservice_offered_rows_per_second", "Offered load, where it is known"
        )
        self._expected = self._gauge(
            "modelservice_expected_rows_per_second",
            "Load expected when a replica asked for now is ready",
        )
        self._planned = self._gauge(
            "modelservice_planned_rows_per_second", "The same with the margin: what is sized for"
        )
        self._capacity = self._gauge(
            "modelservice_capacity_rows_per_second", "Measured capacity of one replica"
        )
        self._requests = self._gauge(
            "modelservice_requests_last_minute", "Requests that ended, in whatever way"
        )
        self._rejected = self._gauge(
            "modelservice_rejected_requests_last_minute",
            "Of them those that Triton refused since they had waited too long",
        )
        self._gpus = Gauge(
            "modelservice_gpus_held",
            "GPUs that its pods hold, or will",
            (*_LABELS, "pool"),
            registry=self.registry,
        )
        self._usable = Gauge(
            "modelservice_gpus_usable",
            "GPUs that there are for all services, where that is known",
            ("pool",),
            registry=self.registry,
        )
        #: What there are series of: the pool of each service, and all pools.
        self._pool_of: dict[ServiceKey, str] = {}
        self._pools: set[str] = set()

    def _counter(self, name: str, words: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        gauge = Gauge(name, words, _LABELS, registry=self.registry)
        self._by_service.append(gauge)
        return gauge

    def beat(self, loop: str) -> None:
        """The loop has turned."""
        self.heartbeats.beat(loop)

    def reconciled(self, result: str, seconds: float) -> None:
        """One look at one service: ``ok`` or ``error``, and how long it took."""
        self._reconciles.labels(result).inc()
        self._seconds.observe(seconds)

    def job_ended(self, kind: str, outcome: str) -> None:
        """A build or tune Job has a result."""
        self._jobs.labels(kind, outcome).inc()

    def observed(self, view: ServiceView, reading: LoadReading | None, verdict: Verdict) -> None:
        """What one round of the fleet loop found for one service; what is not known goes."""
        load = reading if isinstance(reading, Load) else None
        outlook, capacity = verdict.outlook, view.capacity
        figures: dict[Gauge, float | None] = {
            self._desired: verdict.desired,
            self._ready: len(view.ready),
            self._known: verdict.metrics_available,
            self._offered: load.rows_per_second if load else None,
            self._requests: load.requests if load else None,
            self._rejected: load.violations if load else None,
            self._expected: outlook.expected if outlook else None,
            self._planned: outlook.planned if outlook else None,
            self._capacity: trusted(view.speed) * capacity.of(1) if capacity else None,
        }
        for gauge, value in figures.items():
            _tell(gauge, (view.key.namespace, view.key.name), value)
        self._tell_gpus(view.key, view.pool, view.held * view.gpus)

    def shared(self, budgets: Budgets) -> None:
        """How many GPUs there are for services, of each pool where that is known."""
        usable = {str(pool): budget.usable for pool, budget in budgets.pools.items()}
        for pool in self._pools - set(usable):
            _tell(self._usable, (pool,), None)
        for pool, many in usable.items():
            _tell(self._usable, (pool,), many)
        self._pools = set(usable)

    def forget(self, key: ServiceKey) -> None:
        """The service is gone: its series go too."""
        for gauge in self._by_service:
            _tell(gauge, (key.namespace, key.name), None)
        self._tell_gpus(key, None, 0)

    def _tell_gpus(self, key: ServiceKey, pool: Pool | None, many: int) -> None:
        """A service that takes its GPUs from another pool now holds none of the old one."""
        before, now = self._pool_of.pop(key, None), pool and str(pool)
        if before is not None and before != now:
            _tell(self._gpus, (key.namespace, key.name, before), None)
        if now is not None:
            self._pool_of[key] = now
            _tell(self._gpus, (key.namespace, key.name, now), many)

    @contextlib.asynccontextmanager
    async def serving(self, health_port: int, metrics_port: int) -> AsyncIterator[None]:
        """Serve /healthz and /metrics while the context lasts."""
        health = _site("/healthz", self._health, health_port)
        async with health, _site("/metrics", self._metrics, metrics_port):
            yield

    async def _health(self, _: web.Request) -> web.Response:
        late = self.heartbeats.late()
        words = ", ".join(f"{loop} has not turned for {age:.0f} s" for loop, age in late.items())
        return web.Response(text=words or "ok", status=500 if late else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(self.registry), headers=headers)


def _tell(gauge: Gauge, labels: tuple[str, ...], value: float | None) -> None:
    """Set one series; None: it is not known (any more)."""
    if value is not None:
        gauge.labels(*labels).set(value)
        return
    with contextlib.suppress(KeyError):
        gauge.remove(*labels)


@contextlib.asynccontextmanager
async def _site(
    path: str, handler: Callable[[web.Request], object], port: int
) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get(path, handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
