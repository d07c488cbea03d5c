"""Offered load from Prometheus: a handful of queries a round, for all services at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.exceptions import RequestException
from urllib3.util.retry import Retry

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import ServiceView
from modelservice_operator.load.offered import ReplicaCounters
from modelservice_operator.load.reading import (
    PROMETHEUS,
    WINDOW_SECONDS,
    LoadReading,
    NoData,
    read_load,
)
from modelservice_operator.settings import BalancerSettings

from .series import REJECTED, Series, counters, parse_matrix

TIMEOUT_SECONDS = 5

_OURS = '{modelservice!=""}'
#: Raw samples, not rates: each replica's counters begin at 0, and freshness is in their times.
_FAILURES = f"nv_inference_request_failure{_OURS}"
QUERIES = {
    "successes": f"nv_inference_request_success{_OURS}",
    "failures": _FAILURES,
    "rows": f"nv_inference_count{_OURS}",
    "pending": f"nv_inference_pending_request_count{_OURS}",
}


class PrometheusLoad:
    """LoadPort over prometheus-api-client; the client blocks, so it runs in a thread."""

    def __init__(self, url: str, settings: BalancerSettings) -> None:
        self._url = url
        self._settings = settings
        # Its own repeats are switched off: the next round is the repeat.
        self._client = PrometheusConnect(url=url, retry=Retry(total=0)) if url else None

    async def read(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> Mapping[ServiceKey, LoadReading]:
        """The load of every service. Never raises."""
        if self._client is None:
            return _nothing(views, "NoPrometheus", "no Prometheus is configured")
        try:
            figures = await asyncio.to_thread(self._figures, self._client)
        except (RequestException, PrometheusApiClientException, ValueError, KeyError) as error:
            words = f"Prometheus at {self._url} did not answer: {_cause(error)}"
            return _nothing(views, "PrometheusUnreachable", words)
        return {
            key: read_load(
                replicas_of(view, figures),
                ready={pod.pod for pod in view.ready},
                now=now,
                stale_seconds=self._settings.metrics_stale_seconds,
                source=PROMETHEUS,
            )
            for key, view in views.items()
        }

    def _figures(self, client: PrometheusConnect) -> dict[str, Series]:
        window = f"[{WINDOW_SECONDS}s]"
        answers = {
            name: client.custom_query(f"{query}{window}", timeout=TIMEOUT_SECONDS)
            for name, query in QUERIES.items()
        }
        figures = {name: parse_matrix(answer) for name, answer in answers.items()}
        return figures | {"rejected": parse_matrix(answers["failures"], reason=REJECTED)}


def replicas_of(view: ServiceView, figures: Mapping[str, Series]) -> list[ReplicaCounters]:
    """The counters of one service's pods."""
    since = {pod.pod: pod.created_at for pod in view.pods}
    pods = {pod for series in figures.values() for pod in series if pod.service == view.key}
    return [
        ReplicaCounters(pod=pod.pod, samples=counters(pod, figures), since=since.get(pod.pod))
        for pod in sorted(pods)
    ]


def _nothing(
    views: Mapping[ServiceKey, ServiceView], reason: str, message: str
) -> dict[ServiceKey, LoadReading]:
    return {key: NoData(reason=reason, message=message) for key in views}


def _cause(error: Exception) -> str:
    """The first words of the innermost cause: the outer ones repeat addresses and objects."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return f"{type(error).__name__}: {error}"[:200]
