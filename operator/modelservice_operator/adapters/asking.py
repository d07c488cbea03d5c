"""What the commands read: ModelServices from the API server, figures from the operator itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp

from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey

#: The operator's Service has these labels in every release of the chart, whatever its name.
OPERATOR_LABELS = (
    "app.kubernetes.io/part-of=modelservice-operator,app.kubernetes.io/component=operator"
)
METRICS_PORT, METRICS_PATH = "metrics", "/metrics"
URL_SECONDS = 10.0


class Reads(Protocol):
    """The API server, asked for what is at a path."""

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> bytes | None:
        """What is there, None where nothing is.

        Errors: ``UnavailableError``.
        """


class AskedServices:
    """ServicesPort over the API server."""

    def __init__(self, cluster: Reads) -> None:
        self._cluster = cluster

    async def read_service(self, key: ServiceKey) -> Mapping[str, Any] | None:
        """The ModelService, or None where there is none."""
        found = await self._cluster.read(f"{_path(key.namespace)}/{key.name}")
        return None if found is None else _json(found)

    async def read_services(self, namespace: str) -> list[Mapping[str, Any]]:
        """Every ModelService of the namespace; ``""``: of all."""
        found = await self._cluster.read(_path(namespace))
        if found is None:
            raise UnavailableError("the cluster knows no ModelServices: install the chart first")
        return _items(found)


class ProxiedFigures:
    """FiguresPort: through the API server's proxy to the operator's Service."""

    def __init__(self, cluster: Reads, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    async def read(self) -> str:
        """The text of the operator's /metrics."""
        services = f"/api/v1/namespaces/{self._namespace}/services"
        found = await self._cluster.read(services, {"labelSelector": OPERATOR_LABELS})
        items = _items(found or b"{}")
        if not items:
            raise UnavailableError(
                f"there is no operator in namespace {self._namespace}; name its own by"
                " --operator-namespace, or its address by --metrics-url"
            )
        name = items[0]["metadata"]["name"]
        text = await self._cluster.read(f"{services}/{name}:{METRICS_PORT}/proxy{METRICS_PATH}")
        if text is None:
            raise UnavailableError(f"the Service {self._namespace}/{name} tells no metrics")
        return text.decode(errors="replace")


class UrlFigures:
    """FiguresPort: from an address."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> str:
        """The text that is there."""
        timeout = aiohttp.ClientTimeout(total=URL_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._url, raise_for_status=True) as answer,
            ):
                content = await answer.read()
        except (TimeoutError, OSError, ValueError, aiohttp.ClientError) as error:
            raise UnavailableError(f"{self._url}: {error or type(error).__name__}") from error
        return content.decode(errors="replace")


def _path(namespace: str) -> str:
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"/apis/{names.GROUP}/{names.VERSION}/{place}{names.PLURAL}"


def _items(content: bytes) -> list[Mapping[str, Any]]:
    items = _json(content).get("items")
    return items if isinstance(items, list) else []


def _json(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UnavailableError(f"the API server answered no JSON: {content[:40]!r}") from error
    if not isinstance(document, Mapping):
        raise UnavailableError(f"the API server answered no object: {content[:40]!r}")
    return document
