"""Offered load from Prometheus: a handful of queries a round, for all services at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.exceptions import RequestException
from urllib3.util.retry import Retry

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.load.samples import LoadReading, NoData, PodSample, read_load
from modelservice_operator.settings import BalancerSettings

from .series import PodKey, parse_vector

TIMEOUT_SECONDS = 5

_BY = "sum by (namespace, modelservice, pod)"
_OURS = '{modelservice!=""}'

logger = logging.getLogger(__name__)


def queries(window_seconds: int) -> dict[str, str]:
    """The figures of a pod, by the name of PodSample's field; rates before any sum."""
    window = f"[{window_seconds}s]"
    counter = f"nv_inference_request_success{_OURS}"
    return {
        "succeeded": f"{_BY} (rate({counter}{window}))",
        "failed": f"{_BY} (rate(nv_inference_request_failure{_OURS}{window}))",
        "pending_growth": f"{_BY} (deriv(nv_inference_pending_request_count{_OURS}{window}))",
        "rows": f"{_BY} (rate(nv_inference_count{_OURS}{window}))",
        "age_seconds": f"min by (namespace, modelservice, pod) (time() - timestamp({counter}))",
    }


class PrometheusLoad:
    """LoadPort over prometheus-api-client; the client blocks, so it runs in a thread."""

    def __init__(self, url: str, settings: BalancerSettings) -> None:
        self._url = url
        self._settings = settings
        # Its own repeats are switched off: the next round is the repeat.
        self._client = PrometheusConnect(url=url, retry=Retry(total=0)) if url else None

    async def read(self, ready: Mapping[ServiceKey, int]) -> Mapping[ServiceKey, LoadReading]:
        """The load of every service in ``ready`` (its replicas that answer). Never raises."""
        if self._client is None:
            return _nothing(ready, "NoPrometheus", "no Prometheus is configured")
        try:
            figures = await asyncio.to_thread(self._figures)
        except (RequestException, PrometheusApiClientException, ValueError, KeyError) as error:
            words = f"Prometheus at {self._url} did not answer: {_cause(error)}"
            return _nothing(ready, "PrometheusUnreachable", words)
        stale = self._settings.metrics_stale_seconds
        return {
            key: read_load(samples_of(key, figures), ready_replicas=count, stale_seconds=stale)
            for key, count in ready.items()
        }

    def _figures(self) -> dict[str, dict[PodKey, float]]:
        client = self._client
        if client is None:
            return {}
        wanted = queries(self._settings.load_window_seconds)
        return {
            name: parse_vector(client.custom_query(query, timeout=TIMEOUT_SECONDS))
            for name, query in wanted.items()
        }


def samples_of(key: ServiceKey, figures: Mapping[str, Mapping[PodKey, float]]) -> list[PodSample]:
    """The samples of one service's pods."""
    pods = {pod for values in figures.values() for pod in values if pod.service == key}
    return [
        PodSample(
            pod=pod.pod,
            succeeded=figures["succeeded"].get(pod),
            failed=figures["failed"].get(pod),
            pending_growth=figures["pending_growth"].get(pod),
            rows=figures["rows"].get(pod),
            age_seconds=figures["age_seconds"].get(pod),
        )
        for pod in sorted(pods)
    ]


def _nothing(
    keys: Collection[ServiceKey], reason: str, message: str
) -> dict[ServiceKey, LoadReading]:
    return {key: NoData(reason=reason, message=message) for key in keys}


def _cause(error: Exception) -> str:
    """The first words of the innermost cause: the outer ones repeat addresses and objects."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return f"{type(error).__name__}: {error}"[:200]
