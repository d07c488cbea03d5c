"""How many GPUs there are for services: nodes, other holders, quotas, the operator's limit. Pure.

Values come in as the API gives them, parsed; nothing here asks anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import Pool

from .budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """``usable``: ready, and pods may come. ``allocatable``: by resource."""

    name: str
    labels: Mapping[str, str]
    usable: bool
    allocatable: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderSeen:
    """A pod that holds something and has not ended. ``service``: that it serves, None for none."""

    namespace: str
    node: str
    service: ServiceKey | None
    holds: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSeen:
    """A ResourceQuota: by resource, how many its namespace may ask for."""

    namespace: str
    hard: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterGpus:
    """``nodes`` None: the operator may not see them. ``trouble``: why nothing is known, or ""."""

    nodes: tuple[NodeSeen, ...] | None = ()
    holders: tuple[HolderSeen, ...] = ()
    quotas: tuple[QuotaSeen, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """``pools``: of the whole cluster; ``namespaces``: by (pool, namespace) with a quota."""

    pools: Mapping[Pool, Budget] = field(default_factory=dict)
    namespaces: Mapping[tuple[Pool, str], Budget] = field(default_factory=dict)


def budgets(
    seen: ClusterGpus,
    pools: Collection[Pool],
    limits: Mapping[str, int],
    known: Collection[ServiceKey],
) -> Budgets:
    """For each pool, what there is for the ``known`` services.

    ``limits``: of the operator, by resource: no more, whatever there is. A service that is not
    known (yet, as after a start of the operator, or since its spec cannot be read) keeps what its
    pods hold.
    """
    return Budgets(
        pools={pool: _of_pool(seen, pool, limits, known) for pool in pools},
        namespaces={
            (pool, quota.namespace): _of_quota(seen, pool, quota, known)
            for pool in pools
            for quota in _strictest(seen.quotas, pool.resource)
        },
    )


def _of_pool(
    seen: ClusterGpus, pool: Pool, limits: Mapping[str, int], known: Collection[ServiceKey]
) -> Budget:
    unknown = [pod for pod in seen.holders if pod.service not in known]
    limit = limits.get(pool.resource)
    if limit is not None:
        services = (pod for pod in unknown if pod.service is not None)
        limit = max(0, limit - _held(services, pool.resource))
    if seen.trouble:
        return Budget(resource=pool.resource, usable=None, why=seen.trouble)
    if seen.nodes is None:
        why = "the operator may not see nodes, and balancer.gpus says nothing of it"
        return Budget(resource=pool.resource, usable=limit, why="" if limit is not None else why)
    inside = {node.name for node in seen.nodes if node.usable and _matches(node, pool)}
    there = sum(
        node.allocatable.get(pool.resource, 0) for node in seen.nodes if node.name in inside
    )
    others = _held((pod for pod in unknown if pod.node in inside), pool.resource)
    # What others hold takes room on the nodes, not of what services may have at most.
    free = max(0, there - others)
    usable = free if limit is None else min(limit, free)
    return Budget(resource=pool.resource, usable=usable)


def _of_quota(
    seen: ClusterGpus, pool: Pool, quota: QuotaSeen, known: Collection[ServiceKey]
) -> Budget:
    inside = (pod for pod in seen.holders if pod.namespace == quota.namespace)
    others = _held((pod for pod in inside if pod.service not in known), pool.resource)
    hard = quota.hard[pool.resource]
    return Budget(resource=pool.resource, usable=max(0, hard - others))


def _held(pods: Iterable[HolderSeen], resource: str) -> int:
    return sum(pod.holds.get(resource, 0) for pod in pods)


def _strictest(quotas: Iterable[QuotaSeen], resource: str) -> list[QuotaSeen]:
    """One for each namespace that has any for the resource."""
    found: dict[str, QuotaSeen] = {}
    for quota in quotas:
        if resource in quota.hard:
            known = found.get(quota.namespace)
            if known is None or quota.hard[resource] < known.hard[resource]:
                found[quota.namespace] = quota
    return list(found.values())


def _matches(node: NodeSeen, pool: Pool) -> bool:
    return all(node.labels.get(name) == value for name, value in pool.selector)
