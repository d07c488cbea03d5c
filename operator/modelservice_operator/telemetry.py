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

from .api.service import ServiceKey
from .fleet import ServiceView, Verdict
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
        self._offered = self._gauge(
            "modelservice_offered_rows_per_second", "Offered load, where it is known"
        )
        self._capacity = self._gauge(
            "modelservice_capacity_rows_per_second", "Measured capacity of one replica"
        )
        self._known = self._gauge(
            "modelservice_metrics_available", "Whether the load is known (1) or not (0)"
        )

    def _counter(self, name: str, words: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, _LABELS, registry=self.registry)

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
        """What one round of the fleet loop found for one service."""
        labels = (view.key.namespace, view.key.name)
        self._desired.labels(*labels).set(verdict.desired)
        self._ready.labels(*labels).set(len(view.ready))
        self._known.labels(*labels).set(1 if verdict.metrics_available else 0)
        if view.capacity is not None:
            self._capacity.labels(*labels).set(view.speed * view.capacity.of(1))
        if isinstance(reading, Load):
            self._offered.labels(*labels).set(reading.rows_per_second)
        else:
            self._remove(self._offered, labels)

    def forget(self, key: ServiceKey) -> None:
        """The service is gone: its series go too."""
        for gauge in (self._desired, self._ready, self._offered, self._capacity, self._known):
            self._remove(gauge, (key.namespace, key.name))

    @staticmethod
    def _remove(gauge: Gauge, labels: tuple[str, str]) -> None:
        with contextlib.suppress(KeyError):
            gauge.remove(*labels)

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
