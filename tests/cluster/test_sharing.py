"""Two services and a fixed number of GPUs, with the real scheduler and a real quota.

The nodes say that they have GPUs, and have none: no replica gets ready, which the number of them
does not depend on. The tests of this file share the services and run in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from live_service import READY_SECONDS, LiveService

from modelservice_harness.access import Access

GPU = "nvidia.com/gpu"
QUOTA = 4
MOVE_SECONDS = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """``low`` and ``high``, by priority."""

    access: Access
    namespace: str
    low: LiveService
    high: LiveService

    def has(self, service: LiveService, replicas: int) -> bool:
        """Whether its Deployment is to have so many replicas."""
        deployment = service.deployment()
        return bool(deployment) and deployment["spec"]["replicas"] == replicas


@pytest.fixture(scope="module")
def pair(cluster: Any, tiny_namespace: Callable[[str], str]) -> Iterator[Pair]:
    """Nothing is applied yet."""
    access: Access = cluster.access
    namespace = tiny_namespace("sharing")
    access.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "gpus", "namespace": namespace},
            "spec": {"hard": {f"requests.{GPU}": str(QUOTA)}},
        }
    )
    low, high = (
        LiveService(access=access, local=cluster.local, namespace=namespace, name=name)
        for name in ("low", "high")
    )
    yield Pair(access=access, namespace=namespace, low=low, high=high)
    access.kubectl("delete", "namespace", namespace, "--wait=false", check=False)


def manifest(pair: Pair, name: str, least: int, most: int, priority: int) -> dict[str, Any]:
    source = {"pytorch": {"uri": "pvc://models/sources/tiny", "entrypoint": "tiny:load"}}
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name, "namespace": pair.namespace},
        "spec": {
            "model": {"source": source},
            "serving": {
                "latencyObjective": {"percentile": "99", "milliseconds": 200},
                "maxBatchSize": 4,
                "resources": {"limits": {"cpu": "1", "memory": "1Gi", GPU: 1}},
            },
            "scaling": {"minReplicas": least, "maxReplicas": most, "priority": priority},
        },
    }


def test_a_service_gets_its_minimum_and_says_of_how_many(pair: Pair) -> None:
    pair.access.apply(manifest(pair, "low", least=2, most=2, priority=0))
    pair.low.wait(lambda: pair.has(pair.low, 2), READY_SECONDS, "its two replicas")
    budget = pair.low.wait(
        lambda: (found := pair.low.condition("WithinBudget")).get("status") == "True" and found,
        60,
        "within the budget",
    )
    assert f"{GPU} of the quota of namespace sharing" in budget["message"]


def test_a_minimum_that_does_not_fit_is_said_and_takes_from_no_other_minimum(pair: Pair) -> None:
    pair.access.apply(manifest(pair, "high", least=3, most=3, priority=10))
    budget = pair.high.wait(
        lambda: (found := pair.high.condition("WithinBudget")).get("status") == "False" and found,
        READY_SECONDS,
        "its minimum said not to fit",
    )
    assert budget["reason"] == "MinimumDoesNotFit"
    assert f"the 3 replicas that it must have take 3 {GPU}" in budget["message"]
    available = pair.high.wait(
        lambda: (
            (found := pair.high.condition("Available")).get("reason") != "NotDeployed" and found
        ),
        READY_SECONDS,
        "a Deployment",
    )
    assert available["message"] == budget["message"]
    assert pair.has(pair.high, 0)
    assert pair.has(pair.low, 2)


def test_what_a_lower_priority_gives_up_the_higher_one_gets(pair: Pair) -> None:
    """As far as it is free: pods of a rollout that does not end still hold theirs."""
    pair.access.apply(manifest(pair, "low", least=1, most=1, priority=0))
    pair.high.wait(lambda: not pair.has(pair.high, 0), MOVE_SECONDS, "replicas of high")
    pair.low.wait(lambda: pair.has(pair.low, 1), 60, "one replica of low")
    pair.high.wait(
        lambda: pair.high.condition("WithinBudget").get("status") == "True",
        60,
        "within the budget",
    )
    quota = pair.access.get("resourcequota", "gpus", namespace=pair.namespace) or {}
    assert int(quota["status"]["used"][f"requests.{GPU}"]) <= QUOTA
    events = pair.access.get("events", namespace=pair.namespace) or {}
    refused = [item["message"] for item in events["items"] if item["reason"] == "FailedCreate"]
    assert [words for words in refused if "replicaset" in words.lower()] == []
    assert [(item["from"], item["to"]) for item in pair.low.status()["decisions"]][-1] == (2, 1)
