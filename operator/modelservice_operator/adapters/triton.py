"""The Triton of one pod, over plain HTTP at the pod's own address."""

from __future__ import annotations

import asyncio
import json

import aiohttp

from modelservice_operator.drift.statistics import PodStatistics, Refused, Unheard
from modelservice_operator.manifests.network import HTTP_PORT, METRICS_PORT
from modelservice_operator.plan.observed import PodSeen
from modelservice_runtime.contract.admin import ADMIN_HEADER

from .triton_answers import parse_statistics

ASK_SECONDS = 5.0
#: Loading includes warming up; a model that takes longer goes the way of a rollout.
LOAD_SECONDS = 300.0
_OK = 200
_MAX_WORDS = 300


class TritonInference:
    """InferencePort. No connection is kept: pods come and go."""

    def __init__(self, http_port: int = HTTP_PORT, metrics_port: int = METRICS_PORT) -> None:
        self._http_port = http_port
        self._metrics_port = metrics_port
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def statistics(self, pod: PodSeen, model: str) -> PodStatistics | Unheard:
        """What it has counted, and which configuration it serves."""
        base = self._address(pod, self._http_port)
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
        url = f"{self._address(pod, self._http_port)}/v2/repository/models/{model}/load"
        body = json.dumps({"parameters": {"config": config_json(config)}})
        try:
            async with self._client().post(
                url,
                data=body,
                headers={ADMIN_HEADER: key, "Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=LOAD_SECONDS, connect=ASK_SECONDS),
            ) as answer:
                words = (await answer.text(errors="replace"))[:_MAX_WORDS]
                return None if answer.status == _OK else Refused(pod=pod.name, message=words)
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            return Unheard(pod=pod.name, message=_words(error))

    async def _metrics(self, pod: PodSeen) -> bytes:
        """They may be missing: a mean is known without them."""
        try:
            return await self._get(f"{self._address(pod, self._metrics_port)}/metrics")
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

    @staticmethod
    def _address(pod: PodSeen, port: int) -> str:
        host = f"[{pod.address}]" if ":" in pod.address else pod.address
        return f"http://{host}:{port}"


def config_json(config: str) -> str:
    """The text of a ``config.pbtxt`` as the JSON that Triton's ``load`` takes.

    Imported here: gRPC comes with the protobuf, 38 MiB that most days of an operator do not need.
    """
    from google.protobuf import json_format, text_format  # noqa: PLC0415
    from tritonclient.grpc import model_config_pb2  # noqa: PLC0415

    message = text_format.Parse(config, model_config_pb2.ModelConfig())
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")[:_MAX_WORDS]
