"""GPUs of the cluster: nodes, pods and quotas, read every half minute."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import ServiceView
from modelservice_operator.load.gpus import (
    Budgets,
    ClusterGpus,
    HolderSeen,
    NodeSeen,
    QuotaSeen,
    budgets,
)
from modelservice_runtime.contract.fields import SpecError

#: Nodes and quotas change rarely; a move of replicas is known from the services themselves.
READ_SECONDS = 30.0
#: More of a resource on a node than this is a mistake, and counts as none.
MOST = 100_000
_ENDED = ("Succeeded", "Failed")


class Lists(Protocol):
    """Lists of the API over the whole cluster."""

    async def list_all(self, path: str) -> list[Mapping[str, Any]]:
        """The items at ``path``.

        Errors: ``UnavailableError``.
        """


class ClusterBudgets:
    """GpusPort over the API server."""

    def __init__(
        self, lists: Lists, limits: Mapping[str, int], namespaces: Collection[str] = ()
    ) -> None:
        self._lists = lists
        self._limits = limits
        self._namespaces = tuple(namespaces)
        self._seen: ClusterGpus | None = None
        self._read_at = 0.0

    async def read(self, views: Mapping[ServiceKey, ServiceView], now: float) -> Budgets:
        """What these services may hold of each pool. Never raises: not known is a value."""
        pools = {view.pool for view in views.values() if view.pool is not None}
        if not pools:
            return Budgets()
        if self._seen is None or self._seen.trouble or not 0 <= now - self._read_at < READ_SECONDS:
            resources = {pool.resource for pool in pools}
            self._seen, self._read_at = await self._look(resources), now
        return budgets(self._seen, pools, self._limits, views.keys())

    async def _look(self, resources: Collection[str]) -> ClusterGpus:
        try:
            nodes = None if self._namespaces else await self._lists.list_all("/api/v1/nodes")
            pods, quotas = await asyncio.gather(self._all("pods"), self._all("resourcequotas"))
            return parse_cluster(nodes, pods, quotas, resources)
        except (UnavailableError, KeyError, TypeError, AttributeError, ValueError) as error:
            return ClusterGpus(trouble=f"the cluster's nodes could not be read: {error}")

    async def _all(self, plural: str) -> list[Mapping[str, Any]]:
        """Of all namespaces that the operator may look into."""
        places = [f"namespaces/{namespace}/" for namespace in self._namespaces] or [""]
        lists = [self._lists.list_all(f"/api/v1/{place}{plural}") for place in places]
        return [item for items in await asyncio.gather(*lists) for item in items]


def parse_cluster(
    nodes: Iterable[Mapping[str, Any]] | None,
    pods: Iterable[Mapping[str, Any]],
    quotas: Iterable[Mapping[str, Any]],
    resources: Collection[str],
) -> ClusterGpus:
    """Values from the API's objects, of ``resources`` alone; ``nodes`` None: not to be seen."""
    return ClusterGpus(
        nodes=None if nodes is None else tuple(_node(item, resources) for item in nodes),
        holders=tuple(holder for item in pods if (holder := _holder(item, resources)) is not None),
        quotas=tuple(_quota(item, resources) for item in quotas),
    )


def _node(item: Mapping[str, Any], resources: Collection[str]) -> NodeSeen:
    status = item.get("status", {})
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions", ())
    )
    return NodeSeen(
        name=item["metadata"]["name"],
        labels=item["metadata"].get("labels", {}),
        usable=ready and not item.get("spec", {}).get("unschedulable", False),
        allocatable=_counts(status.get("allocatable", {}), resources),
    )


def _holder(item: Mapping[str, Any], resources: Collection[str]) -> HolderSeen | None:
    if item.get("status", {}).get("phase") in _ENDED:
        return None
    holds: dict[str, int] = {}
    for container in item.get("spec", {}).get("containers", ()):
        limits = _counts(container.get("resources", {}).get("limits", {}), resources)
        for name, many in limits.items():
            holds[name] = holds.get(name, 0) + many
    if not holds:
        return None
    labels = item["metadata"].get("labels", {})
    return HolderSeen(
        namespace=item["metadata"]["namespace"],
        node=item["spec"].get("nodeName", ""),
        service=_served(item["metadata"]["namespace"], labels),
        holds=holds,
    )


def _served(namespace: str, labels: Mapping[str, str]) -> ServiceKey | None:
    serves = labels.get(names.COMPONENT_LABEL) == names.SERVING and names.NAME_LABEL in labels
    return ServiceKey(namespace, labels[names.NAME_LABEL]) if serves else None


def _quota(item: Mapping[str, Any], resources: Collection[str]) -> QuotaSeen:
    hard = item.get("spec", {}).get("hard", {})
    # Extended resources are limited by what is requested; limits equal requests.
    plain = {
        name.removeprefix(prefix): value
        for prefix in ("limits.", "requests.")
        for name, value in hard.items()
        if name.startswith(prefix)
    }
    return QuotaSeen(namespace=item["metadata"]["namespace"], hard=_counts(plain, resources))


def _counts(values: Mapping[str, Any], resources: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in resources:
        if name in values:
            try:
                count = parse_quantity(values[name], name)
            except SpecError:
                continue
            if count <= MOST:
                found[name] = int(count)
    return found
