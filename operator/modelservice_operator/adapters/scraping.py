"""Counters straight from the replicas' own metrics port: the second source of load."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import ReplicaSeen, ServiceView
from modelservice_operator.load.offered import CounterSample, ReplicaCounters
from modelservice_operator.load.reading import (
    SCRAPE,
    WINDOW_SECONDS,
    LoadReading,
    NoData,
    read_load,
)
from modelservice_operator.manifests.network import METRICS_PORT
from modelservice_operator.ports import LoadPort
from modelservice_operator.settings import BalancerSettings

from .series import REJECTED

SCRAPE_SECONDS = 3.0
#: So many replicas are asked at a time.
AT_ONCE = 50
_NAMES = {
    "nv_inference_request_success": "successes",
    "nv_inference_request_failure": "failures",
    "nv_inference_count": "rows",
    "nv_inference_pending_request_count": "pending",
}


class ReplicaLoad:
    """Asks the replicas of the services that it is asked about, and remembers what they said."""

    def __init__(self, settings: BalancerSettings, port: int = METRICS_PORT) -> None:
        self._settings = settings
        self._port = port
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[tuple[ServiceKey, str], tuple[CounterSample, ...]] = {}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def read(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> dict[ServiceKey, LoadReading]:
        """The load of every service. Never raises."""
        slots = asyncio.Semaphore(AT_ONCE)
        asked = [(key, pod) for key, view in views.items() for pod in view.ready if pod.address]
        heard = await asyncio.gather(*(self._ask(slots, pod, now) for _, pod in asked))
        for (key, pod), sample in zip(asked, heard, strict=True):
            if sample is not None:
                self._remember(key, pod.pod, sample)
        self._known = {
            pair: samples
            for pair, samples in self._known.items()
            if samples[-1].at >= now - WINDOW_SECONDS
        }
        return {key: self._reading(view, now) for key, view in views.items()}

    def _reading(self, view: ServiceView, now: float) -> LoadReading:
        counters = [
            ReplicaCounters(pod=pod.pod, samples=samples, since=pod.created_at)
            for pod in view.ready
            if (samples := self._known.get((view.key, pod.pod)))
        ]
        if not counters:
            return NoData(reason="ReplicasSilent", message="its replicas' metrics do not answer")
        return read_load(
            counters,
            ready={pod.pod for pod in view.ready},
            now=now,
            stale_seconds=self._settings.metrics_stale_seconds,
            source=SCRAPE,
        )

    def _remember(self, key: ServiceKey, pod: str, sample: CounterSample) -> None:
        before = self._known.get((key, pod), ())
        kept = tuple(item for item in before if item.at >= sample.at - WINDOW_SECONDS)
        self._known[key, pod] = (*kept, sample)

    async def _ask(
        self, slots: asyncio.Semaphore, pod: ReplicaSeen, now: float
    ) -> CounterSample | None:
        host = f"[{pod.address}]" if ":" in pod.address else pod.address
        limit = aiohttp.ClientTimeout(total=SCRAPE_SECONDS)
        try:
            async with (
                slots,
                self._client().get(f"http://{host}:{self._port}/metrics", timeout=limit) as answer,
            ):
                answer.raise_for_status()
                return parse_metrics(await answer.text(errors="replace"), now)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError):
            return None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        return self._session


def parse_metrics(text: str, now: float) -> CounterSample | None:
    """What a replica's metrics say; None where the counters are not among them.

    Raises:
        ValueError: it is no text of metrics.
    """
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = _NAMES.get(sample.name.removesuffix("_total"))
            if name is None:
                continue
            sums[name] = sums.get(name, 0.0) + sample.value
            if name == "failures" and sample.labels.get("reason") == REJECTED:
                sums["rejected"] = sums.get("rejected", 0.0) + sample.value
    if not {"successes", "rows"} <= sums.keys():
        return None
    return CounterSample(
        at=now,
        successes=sums["successes"],
        rows=sums["rows"],
        failures=sums.get("failures", 0.0),
        pending=sums.get("pending", 0.0),
        rejected=sums.get("rejected", 0.0),
    )


class LoadSources:
    """LoadPort: Prometheus, and where it does not tell, the replicas themselves."""

    def __init__(self, first: LoadPort, second: LoadPort) -> None:
        self._first = first
        self._second = second

    async def read(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> dict[ServiceKey, LoadReading]:
        """The load of every service. Never raises."""
        found = dict(await self._first.read(views, now))
        missing = {
            key: view
            for key, view in views.items()
            if isinstance(found[key], NoData) and view.ready
        }
        if not missing:
            return found
        second = await self._second.read(missing, now)
        return found | {key: _better(found[key], second[key]) for key in missing}


def _better(first: LoadReading, second: LoadReading) -> LoadReading:
    """What is known; where neither knows, both say why."""
    if not isinstance(first, NoData):
        return first
    if not isinstance(second, NoData):
        return replace(second, instead_of=first)
    return NoData(
        reason=first.reason,
        message=f"{first.message}, and {second.message}",
        young=first.young or second.young,
    )
