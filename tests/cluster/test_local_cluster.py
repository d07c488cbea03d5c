"""The local cluster itself: what happens to it happens as in life, and ``down`` leaves nothing.

On the spare cluster; the tests run in order, the last one kills it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from build_jobs import build_job

from modelservice_harness import access as harness_access
from modelservice_harness.local import LocalCluster

NAMESPACE = "default"
NAME = "sleeper"
NODES = ("node-1", "node-2")
LONG_SECONDS = 90
#: Kubernetes gives up the pods of a node that is gone after a minute or so.
GONE_SECONDS = 180


def sleeper(image: str, *, replicas: int = 2, name: str = NAME) -> dict[str, Any]:
    """A Deployment that does nothing, its pods apart from each other if they can be."""
    labels = {"app": name}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "terminationGracePeriodSeconds": 0,
        "topologySpreadConstraints": [spread],
        "containers": [{"name": name, "image": image, "command": ["sleep", "3600"]}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def pods(cluster: LocalCluster, name: str = NAME) -> list[dict[str, Any]]:
    """Its pods that are not on their way out."""
    found = cluster.access().get("pods", "-l", f"app={name}", namespace=NAMESPACE) or {}
    items = found.get("items", [])
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


def nodes_of_ready_pods(cluster: LocalCluster) -> list[str]:
    """Where its ready pods run."""
    return sorted(pod["spec"]["nodeName"] for pod in pods(cluster) if harness_access.is_ready(pod))


def node_is_ready(cluster: LocalCluster, node: str) -> bool:
    """What the API server believes of a node."""
    return harness_access.is_ready(cluster.access().get("node", node) or {})


def wait(cluster: LocalCluster, predicate: Any, what: str, seconds: float = LONG_SECONDS) -> Any:
    """Poll; the pods are shown when time is up."""
    return harness_access.wait_for(
        predicate,
        seconds,
        what,
        state=lambda: cluster.access().kubectl("get", "pods,nodes", "-A", "-o", "wide").stdout,
    )


def test_up_twice_is_one_cluster(spare_cluster: LocalCluster, bare_cluster: Any) -> None:
    before = spare_cluster.status()
    images = bare_cluster.workshop.layout.image_maps / f"{spare_cluster.name}.json"
    spare_cluster.up(nodes=2, gpus_per_node=0, images=images)
    assert spare_cluster.status()["pid"] == before["pid"]


def test_an_unknown_image_fails_as_a_pull_would(spare_cluster: LocalCluster) -> None:
    spare_cluster.access().apply(sleeper("nowhere.example/none:1", replicas=1, name="stranger"))

    def waiting() -> str:
        states = [s.get("state", {}) for p in pods(spare_cluster, "stranger")
                  for s in p["status"].get("containerStatuses", [])]  # fmt: skip
        return str(states) if "ErrImagePull" in str(states) else ""

    assert "nowhere.example/none:1" in wait(spare_cluster, waiting, "ErrImagePull")


def test_pods_of_a_lost_node_come_back_elsewhere_and_the_node_too(
    spare_cluster: LocalCluster, bare_cluster: Any
) -> None:
    spare_cluster.access().apply(sleeper(bare_cluster.images.client))
    wait(spare_cluster, lambda: nodes_of_ready_pods(spare_cluster) == [*NODES], "a pod on each")
    spare_cluster.node("stop", "node-2")
    wait(
        spare_cluster,
        lambda: nodes_of_ready_pods(spare_cluster) == ["node-1", "node-1"],
        "both pods on the node that is left",
    )
    assert not node_is_ready(spare_cluster, "node-2")
    spare_cluster.node("start", "node-2")
    wait(spare_cluster, lambda: node_is_ready(spare_cluster, "node-2"), "the node again")


@pytest.mark.skipif(
    not os.environ.get("FULL"), reason="Kubernetes takes a minute to give pods up: FULL=1"
)
def test_a_build_whose_node_dies_is_ended_by_new_pods(
    spare_cluster: LocalCluster, bare_cluster: Any
) -> None:
    """Both of its pods are lost with the node; index 0 starts again elsewhere, and succeeds.

    Kubernetes replaces pods of a Job once it is sure that they have ended: when the node is back,
    or is taken from the cluster, as clouds do with one that is gone.
    """
    script = '[ "$NODE" != node-2 ] || sleep 600; echo done > /dev/termination-log'
    job = build_job(NAMESPACE, pods=2, script=script)
    pod = job["spec"]["template"]["spec"]
    # There is no claim here, and nothing is read or written.
    pod["volumes"] = [{"name": each["name"], "emptyDir": {}} for each in pod["volumes"]]
    (container,) = pod["containers"]
    container["image"] = bare_cluster.images.client
    field = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    container["env"] = [{"name": "NODE", "valueFrom": field}]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-2"]}
    preference = {"weight": 100, "preference": {"matchExpressions": [here]}}
    kind = "preferredDuringSchedulingIgnoredDuringExecution"
    # Both on the node that will die, instead of apart.
    del pod["topologySpreadConstraints"]
    pod["affinity"] = {"nodeAffinity": {kind: [preference]}}
    access = spare_cluster.access()
    name = job["metadata"]["name"]

    def running() -> list[str]:
        found = access.get("pods", "-l", f"job-name={name}", namespace=NAMESPACE)["items"]
        return [p["spec"]["nodeName"] for p in found if p["status"]["phase"] == "Running"]

    def ended() -> dict[str, Any]:
        conditions = access.get("job", name, namespace=NAMESPACE)["status"].get("conditions", [])
        return {each["type"]: each.get("reason", "") for each in conditions}

    access.apply(job)
    wait(spare_cluster, lambda: running() == ["node-2"] * 2, "both pods on one node")
    spare_cluster.node("stop", "node-2")
    access.kubectl("delete", "node", "node-2")
    over = {"Complete", "Failed"}
    wait(spare_cluster, lambda: over & set(ended()), "the Job's end", GONE_SECONDS)
    assert "Failed" not in ended()
    spare_cluster.node("start", "node-2")
    wait(spare_cluster, lambda: node_is_ready(spare_cluster, "node-2"), "the node again")


def test_a_killed_cluster_leaves_nothing_and_starts_again(
    spare_cluster: LocalCluster, bare_cluster: Any
) -> None:
    """``kill -9`` of its first process takes everything inside with it."""
    pid = int(spare_cluster.status()["pid"])
    inside = processes_of(pid)
    assert len(inside) > 5
    os.kill(pid, signal.SIGKILL)
    wait(spare_cluster, lambda: not any(is_alive(process) for process in inside), "their end")
    images = bare_cluster.workshop.layout.image_maps / f"{spare_cluster.name}.json"
    spare_cluster.up(nodes=2, gpus_per_node=0, images=images)
    assert all(node_is_ready(spare_cluster, node) for node in NODES)
    spare_cluster.down()
    assert not (spare_cluster.home / spare_cluster.name).exists()
    mounts = Path("/proc/self/mounts").read_text()
    assert spare_cluster.name not in mounts


def processes_of(pid: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (folder / "stat").exists():
            stat = read(folder / "stat")
            if stat:
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, open_ = [], [pid]
    while open_:
        one = open_.pop()
        found.append(one)
        open_ += children.get(one, [])
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    stat = read(Path(f"/proc/{pid}/stat"))
    return bool(stat) and stat.rpartition(")")[2].split()[0] != "Z"


def read(path: Path) -> str:
    """The text, empty once the process is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""
