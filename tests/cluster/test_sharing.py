"""Two services and a fixed number of accelerators, with the real scheduler.

The accelerators are an extended resource that is advertised on one node, as Kubernetes documents
it: nothing on this machine would run on a GPU. The tests of this file share the services and run
in order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from live_service import READY_SECONDS, LiveService

from modelservice_harness.access import Access

RESOURCE = "example.com/accelerator"
#: Two replicas and a Job, or three replicas.
SLOTS = 3
MOVE_SECONDS = 180.0


@dataclass(slots=True, kw_only=True)
class Pair:
    """``low`` and ``high``, by priority."""

    access: Access
    namespace: str
    low: LiveService
    high: LiveService


def advertise(access: Access, count: str | None) -> None:
    name = (access.get("nodes") or {})["items"][0]["metadata"]["name"]
    patch = json.dumps({"status": {"capacity": {RESOURCE: count}}})
    access.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)


@pytest.fixture(scope="module")
def pair(cluster: Any, tiny_namespace: Callable[[str], str]) -> Iterator[Pair]:
    """Nothing is applied yet; the resource is there, on one node."""
    advertise(cluster.access, str(SLOTS))
    access: Access = cluster.access
    namespace = tiny_namespace("sharing")
    services = (
        LiveService(access=access, local=cluster.local, namespace=namespace, name=name)
        for name in ("low", "high")
    )
    low, high = services
    yield Pair(access=access, namespace=namespace, low=low, high=high)
    access.kubectl("delete", "namespace", namespace, "--wait=false", check=False)
    advertise(access, None)


def manifest(namespace: str, name: str, least: int, priority: int) -> dict[str, Any]:
    source = {"pytorch": {"uri": "pvc://models/sources/tiny", "entrypoint": "tiny:load"}}
    limits = {"cpu": "1", "memory": "1Gi", RESOURCE: 1}
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"source": source},
            "serving": {
                "latencyObjective": {"percentile": "99", "milliseconds": 200},
                "maxBatchSize": 4,
                "maxTuningDurationSeconds": 120,
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": limits},
            },
            "scaling": {"minReplicas": least, "maxReplicas": 3, "priority": priority},
        },
    }


def test_a_service_says_how_many_it_has_of_how_many(pair: Pair) -> None:
    pair.access.apply(manifest(pair.namespace, "low", least=2, priority=0))
    pair.low.wait(pair.low.serves, READY_SECONDS, "Ready, tuned")
    pair.low.wait(lambda: pair.low.status()["replicas"]["summary"] == "2/2", 60, "two replicas")
    budget = pair.low.wait(
        lambda: (found := pair.low.condition("WithinBudget")).get("status") == "True" and found,
        60,
        "within the budget",
    )
    assert f"2 of {SLOTS} {RESOURCE}" in budget["message"]


def test_a_minimum_that_does_not_fit_is_said_and_takes_from_no_other_minimum(pair: Pair) -> None:
    pair.access.apply(manifest(pair.namespace, "high", least=2, priority=10))
    budget = pair.high.wait(
        lambda: (found := pair.high.condition("WithinBudget")).get("status") == "False" and found,
        READY_SECONDS,
        "its minimum said not to fit",
    )
    assert budget["reason"] == "MinimumDoesNotFit"
    assert f"2 {RESOURCE}, and of" in budget["message"]
    assert pair.high.deployment()["spec"]["replicas"] == 0
    assert pair.high.condition("Available")["reason"] == "MinimumDoesNotFit"
    assert pair.low.status()["replicas"]["summary"] == "2/2"


def test_what_a_lower_priority_gives_up_the_higher_one_gets(pair: Pair) -> None:
    """The donor's pod leaves first; only then does the receiver's start."""
    pair.access.apply(manifest(pair.namespace, "low", least=1, priority=0))
    pair.high.wait(
        lambda: pair.high.status()["replicas"]["ready"] == 2, MOVE_SECONDS, "the replicas of high"
    )
    pair.low.wait(lambda: pair.low.status()["replicas"]["summary"] == "1/1", 60, "one replica")
    budget = pair.high.wait(
        lambda: (found := pair.high.condition("WithinBudget")).get("status") == "True" and found,
        60,
        "within the budget",
    )
    assert f"2 of {SLOTS} {RESOURCE}" in budget["message"]
    (decision,) = [
        item for item in pair.low.status()["decisions"] if (item["from"], item["to"]) == (2, 1)
    ]
    assert decision["reason"]
