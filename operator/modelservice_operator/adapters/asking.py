"""What the commands read: ModelServices from the API server, figures from the operator itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp

from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey

from .api_objects import document_of, items_of, path_of

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
        found = await self._cluster.read(path_of(names.KIND, key.namespace, key.name))
        return None if found is None else document_of(found)

    async def read_services(self, namespace: str) -> list[Mapping[str, Any]]:
        """Every ModelService of the namespace; ``""``: of all."""
        found = await self._cluster.read(path_of(names.KIND, namespace))
        if found is None:
            raise UnavailableError("the cluster knows no ModelServices: install the chart first")
        return items_of(found)


class ProxiedFigures:
    """FiguresPort: through the API server's proxy to the operator's Service."""

    def __init__(self, cluster: Reads, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    async def read(self) -> str:
        """The text of the operator's /metrics."""
        services = path_of("Service", self._namespace)
        found = await self._cluster.read(services, {"labelSelector": OPERATOR_LABELS})
        items = items_of(found or b"{}")
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
