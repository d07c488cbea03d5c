"""What the balancer counts on in Kubernetes itself, without an operator: which pods go first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelservice_harness.access import Access
from modelservice_harness.images import USER
from modelservice_harness.manifests.common import RESTRICTED, pod_security
from modelservice_operator.api import names

#: Something that nodes have a number of, as they have GPUs.
SLOT = "example.com/slot"
NAME = "pods"
LABELS = {"app": NAME}
SECONDS = 60.0


@pytest.fixture
def access(cluster: Any) -> Access:
    """The cluster's. One of the nodes has two slots."""
    found: Access = cluster.access
    node = (found.get("nodes") or {})["items"][0]["metadata"]["name"]
    patch = json.dumps({"status": {"capacity": {SLOT: "2"}}})
    found.kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", patch)
    return found


def apply(access: Access, image: str, namespace: str, version: str, replicas: int) -> None:
    """A Deployment that is rolled out as the operator's are; each pod takes a slot."""
    container = {
        "name": "sleep",
        "image": image,
        "command": ["sleep", "600"],
        "env": [{"name": "VERSION", "value": version}],
        "resources": {"limits": {"cpu": "10m", "memory": "16Mi", SLOT: "1"}},
        "securityContext": RESTRICTED,
    }
    pod = {
        "containers": [container],
        "securityContext": pod_security(USER),
        "terminationGracePeriodSeconds": 1,
    }
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    access.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME, "namespace": namespace},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": LABELS},
                "strategy": rolling,
                "template": {"metadata": {"labels": LABELS}, "spec": pod},
            },
        }
    )


def pods(access: Access, namespace: str) -> dict[str, tuple[str, str]]:
    """Version and phase by name, of those that do not leave."""
    items = (access.get("pods", "-l", f"app={NAME}", namespace=namespace) or {})["items"]
    return {
        item["metadata"]["name"]: (
            item["spec"]["containers"][0]["env"][0]["value"],
            item["status"]["phase"],
        )
        for item in items
        if "deletionTimestamp" not in item["metadata"]
    }


def scale(access: Access, namespace: str, replicas: int) -> None:
    access.kubectl("scale", f"deployment/{NAME}", f"--replicas={replicas}", namespace=namespace)


def test_one_replica_less_makes_room_for_the_new_pod_of_a_rollout(
    access: Access, cluster: Any, namespace: str, wait_for: Callable[..., Any]
) -> None:
    def seen() -> list[tuple[str, str]]:
        return sorted(pods(access, namespace).values())

    def told() -> str:
        return str(seen())

    image = cluster.images.client
    old, new = ("1", "Running"), ("2", "Running")
    apply(access, image, namespace, "1", replicas=2)
    wait_for(lambda: seen() == [old, old], SECONDS, "two pods", state=told)
    apply(access, image, namespace, "2", replicas=2)
    wait_for(
        lambda: seen() == [old, old, ("2", "Pending")], SECONDS, "one without a place", state=told
    )
    scale(access, namespace, 1)
    wait_for(lambda: seen() == [new], SECONDS, "the rollout to end", state=told)
    scale(access, namespace, 2)
    wait_for(lambda: seen() == [new, new], SECONDS, "two again", state=told)


def test_the_marked_pod_goes_first(
    access: Access, cluster: Any, namespace: str, wait_for: Callable[..., Any]
) -> None:
    """The older of two, which Kubernetes would keep."""
    apply(access, cluster.images.client, namespace, "1", replicas=1)
    wait_for(lambda: list(pods(access, namespace).values()) == [("1", "Running")], SECONDS, "one")
    (oldest,) = pods(access, namespace)
    scale(access, namespace, 2)
    wait_for(
        lambda: list(pods(access, namespace).values()) == [("1", "Running")] * 2, SECONDS, "two"
    )
    access.kubectl(
        "annotate", "pod", oldest, f"{names.DELETION_COST}={names.GOES_FIRST}", namespace=namespace
    )
    scale(access, namespace, 1)
    wait_for(lambda: len(pods(access, namespace)) == 1, SECONDS, "one to go")
    assert oldest not in pods(access, namespace)
