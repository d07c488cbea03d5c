"""The Triton of one pod, at the pod's own address: asked over HTTP, loaded over gRPC."""

from __future__ import annotations

import asyncio

import aiohttp

from modelservice_operator.drift.statistics import PodStatistics, Refused, Unheard
from modelservice_operator.manifests.deployment import LOAD_SECONDS
from modelservice_operator.manifests.network import GRPC_PORT, HTTP_PORT, METRICS_PORT
from modelservice_operator.plan.observed import PodSeen

from .triton_answers import parse_statistics

ASK_SECONDS = 5.0
_MAX_WORDS = 300


class TritonInference:
    """InferencePort. No connection is kept: pods come and go."""

    def __init__(
        self,
        http_port: int = HTTP_PORT,
        grpc_port: int = GRPC_PORT,
        metrics_port: int = METRICS_PORT,
    ) -> None:
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._metrics_port = metrics_port
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def statistics(self, pod: PodSeen, model: str) -> PodStatistics | Unheard:
        """What it has counted, and which configuration it serves."""
        base = f"http://{_address(pod, self._http_port)}"
        try:
            config, statistics, metrics = await asyncio.gather(
                self._get(f"{base}/v2/models/{model}/config"),
                self._get(f"{base}/v2/models/{model}/stats"),
                self._metrics(pod),
            )
            return parse_statistics(pod.name, config=config, statistics=statistics, metrics=metrics)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
            return Unheard(pod=pod.name, message=_words(error))

    async def load(
        self, pod: PodSeen, model: str, *, config: str, key: str
    ) -> Refused | Unheard | None:
        """Serve ``config`` from now on; None when that is done."""
        # gRPC and the protobuf take 38 MiB that most days of an operator do not need.
        from . import triton_load  # noqa: PLC0415

        target = _address(pod, self._grpc_port)
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                words = await triton_load.load(target, model, config=config, key=key)
        except TimeoutError:
            words = f"not loaded after {LOAD_SECONDS} s"
        if not words:
            return None
        # The end of a connection reads like a refusal; who still answers has refused.
        found = await self.statistics(pod, model)
        if isinstance(found, Unheard):
            return found
        return Refused(pod=pod.name, message=words[:_MAX_WORDS])

    async def _metrics(self, pod: PodSeen) -> bytes:
        """They may be missing: a mean is known without them."""
        try:
            return await self._get(f"http://{_address(pod, self._metrics_port)}/metrics")
        except (TimeoutError, OSError, aiohttp.ClientError):
            return b""

    async def _get(self, url: str) -> bytes:
        limit = aiohttp.ClientTimeout(total=ASK_SECONDS)
        async with self._client().get(url, timeout=limit) as answer:
            answer.raise_for_status()
            return await answer.read()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        return self._session


def _address(pod: PodSeen, port: int) -> str:
    host = f"[{pod.address}]" if ":" in pod.address else pod.address
    return f"{host}:{port}"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")[:_MAX_WORDS]
