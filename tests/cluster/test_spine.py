"""One ModelService on a real Kubernetes, from apply to deletion.

The tests of this file share one service and run in order: each finds what the one before left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from live_service import (
    READY_SECONDS,
    LiveService,
    ask,
    messages,
    steady_traffic,
    volume_folder,
)

from modelservice_harness import access as harness_access
from modelservice_harness.access import Access
from modelservice_harness.controls import Operator, Prometheus, ReplicaMetrics

NAME = "tiny"
#: Stale after 15 s, hold of 15 s: the tests' settings are scaled down. FULL=1: for 3 minutes.
WITHOUT_PROMETHEUS_SECONDS = 180 if os.environ.get("FULL") else 30


@dataclass(slots=True, kw_only=True)
class Served(LiveService):
    """The shared service. ``http``: its address on this machine."""

    http: str = ""


@pytest.fixture(scope="module")
def service(cluster: Any, tiny_namespace: Callable[[str], str]) -> Iterator[Served]:
    """The service ``tiny``, applied in a namespace of its own; not waited for."""
    access: Access = cluster.access
    namespace = tiny_namespace("spine")
    access.apply(manifest(namespace))
    served = Served(access=access, local=cluster.local, namespace=namespace)
    served.http = served.address()
    yield served
    access.kubectl("delete", "namespace", namespace, "--wait=false", check=False)


def manifest(namespace: str, **spec: Any) -> dict[str, Any]:
    """The service; top-level fields of the spec may be replaced."""
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "model": {
                "source": {
                    "pytorch": {"uri": "pvc://models/sources/tiny", "entrypoint": "tiny:load"}
                }
            },
            "serving": {
                "latencyObjective": {"percentile": "99", "milliseconds": 200},
                "maxBatchSize": 4,
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"cpu": "1", "memory": "1Gi"},
                },
            },
            "scaling": {"minReplicas": 1, "maxReplicas": 3},
        }
        | spec,
    }


def test_it_becomes_ready_tuned_and_says_so(service: Served) -> None:
    service.wait(service.serves, READY_SECONDS, "Ready, tuned")
    status = service.get()["status"]
    assert status["observedGeneration"] == service.get()["metadata"]["generation"]
    assert status["replicas"]["summary"] == "1/1"
    assert status["tuning"]["maxBatchSize"] >= 1
    table = service.access.kubectl("get", "msvc", "-o", "wide", namespace=service.namespace)
    header, row = table.stdout.splitlines()
    for column in ("READY", "REASON", "ARTIFACT", "METRIC", "SPEEDUP", "REPLICAS", "GOAL"):
        assert column in header
    artifact = status["artifact"]
    for words in ("Serving", artifact["shortDigest"], artifact["metric"]["summary"], "1/1"):
        assert words in row
    assert status["tuning"]["variant"] in artifact["variants"]
    assert service.condition("AccuracyGoalMet")["status"] == "True"


def test_it_answers(service: Served) -> None:
    first = ask(service.http)
    assert len(first) == 4
    assert ask(service.http) == pytest.approx(first, abs=1e-5)
    assert ask(service.http, rows=1) == pytest.approx(first, abs=1e-5)


def test_events_tell_the_way(service: Served) -> None:
    told = {item["reason"] for item in service.events()}
    assert {"Building", "Published", "Tuned", "ReplicasReady", "Serving"} <= told


def test_killing_the_operator_changes_nothing_and_fails_no_request(
    service: Served, operator: Operator
) -> None:
    jobs, deployment = service.jobs(), service.deployment()
    with steady_traffic(service.http) as traffic:
        operator.kill()
        operator.wait_until_available()
        service.wait(service.serves, 60, "still Ready")
    assert traffic.failures == []
    assert traffic.answered > 0
    assert service.jobs() == jobs
    assert service.deployment()["metadata"]["generation"] == deployment["metadata"]["generation"]


def test_losing_prometheus_under_constant_load_moves_no_replica(
    service: Served, prometheus: Prometheus
) -> None:
    before = service.deployment()["spec"]["replicas"]
    with steady_traffic(service.http) as traffic:
        prometheus.scale(0)
        service.wait(
            lambda: "the replicas themselves" in service.condition("MetricsAvailable")["message"],
            60,
            "the load asked of the replicas",
        )
        end = time.monotonic() + WITHOUT_PROMETHEUS_SECONDS
        harness_access.wait_for(
            lambda: service.deployment()["spec"]["replicas"] != before or time.monotonic() > end,
            WITHOUT_PROMETHEUS_SECONDS + 10,
            "the time without Prometheus",
        )
    assert service.deployment()["spec"]["replicas"] == before
    lost = service.condition("MetricsAvailable")
    assert lost["status"] == "False"
    assert "on which none is taken away" in lost["message"]
    assert service.condition("Ready")["status"] == "True"
    assert traffic.failures == []
    prometheus.scale(1)
    service.wait(
        lambda: "from Prometheus" in service.condition("MetricsAvailable")["message"],
        90,
        "Prometheus again",
    )


def test_another_autoscaler_is_named_and_the_replicas_are_left_to_it(service: Served) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    service.access.apply(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "of-somebody", "namespace": service.namespace},
            "spec": {"scaleTargetRef": target, "maxReplicas": 5, "metrics": [metric]},
        }
    )
    words = service.wait(
        lambda: service.condition("Stalled").get("message"), 90, "the other autoscaler in words"
    )
    assert "HorizontalPodAutoscaler of-somebody sets the replicas of Deployment tiny" in words
    assert service.condition("Ready")["status"] == "True"
    service.access.kubectl("delete", "hpa", "of-somebody", namespace=service.namespace)
    service.wait(lambda: not service.condition("Stalled"), 90, "no conflict any more")


def test_an_artifact_damaged_in_the_store_is_never_served(service: Served) -> None:
    """A new replica refuses it and says which file; the old one serves on; mended, it comes up."""
    store = volume_folder(service.access, service.namespace)
    place = service.status()["artifact"]["uri"].removeprefix("pvc://models/")
    (model,) = (store / place).rglob("model.onnx")
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        scale(service, 2)
        words = service.wait(
            lambda: (
                message
                if "model.onnx" in (message := service.condition("Available").get("message", ""))
                else ""
            ),
            90,
            "the damage in words",
        )
        assert "1 of 2 replicas answer" in words
        assert len(ask(service.http)) == 4
    finally:
        model.write_bytes(whole)
    service.wait(lambda: service.status()["replicas"]["summary"] == "2/2", 120, "2 replicas")


def test_kubectl_scale_takes_over_and_gives_back(service: Served) -> None:
    scale(service, 2)
    service.wait(lambda: service.status()["replicas"]["summary"] == "2/2", 120, "2 replicas")
    give_back(service)
    service.wait(lambda: service.status()["replicas"]["summary"] == "1/1", 180, "1 replica again")
    reasons = [item["reason"] for item in service.status()["decisions"]]
    assert any("set by hand" in reason for reason in reasons)


def test_nothing_is_given_up_while_no_source_tells_of_the_load(
    service: Served, replica_metrics: ReplicaMetrics
) -> None:
    """Two replicas for no load; only that it is not known keeps the second one."""
    scale(service, 2)
    service.wait(lambda: service.status()["replicas"]["summary"] == "2/2", 120, "2 replicas")
    replica_metrics.block()
    service.wait(
        lambda: service.condition("MetricsAvailable")["status"] == "False", 60, "the load lost"
    )
    give_back(service)
    end = time.monotonic() + WITHOUT_PROMETHEUS_SECONDS
    harness_access.wait_for(
        lambda: service.deployment()["spec"]["replicas"] != 2 or time.monotonic() > end,
        WITHOUT_PROMETHEUS_SECONDS + 10,
        "the time without metrics",
    )
    assert service.deployment()["spec"]["replicas"] == 2
    assert "the replica count is held" in service.condition("MetricsAvailable")["message"]
    replica_metrics.unblock()
    service.wait(lambda: service.status()["replicas"]["summary"] == "1/1", 180, "1 replica again")


def scale(service: Served, replicas: int) -> None:
    service.access.kubectl(
        "scale", f"msvc/{NAME}", f"--replicas={replicas}", namespace=service.namespace
    )


def give_back(service: Served) -> None:
    service.access.kubectl(
        "patch", "msvc", NAME, "--type=merge", "-p", '{"spec":{"scaling":{"replicas":null}}}',
        namespace=service.namespace,
    )  # fmt: skip


def test_a_broken_revision_leaves_the_old_one_serving_and_going_back_builds_nothing(
    service: Served,
) -> None:
    jobs = set(service.jobs())
    entrypoint = {"pytorch": {"uri": "pvc://models/sources/tiny", "entrypoint": "tiny:missing"}}
    service.access.apply(manifest(service.namespace, model={"source": entrypoint}))
    service.wait(
        lambda: service.condition("Ready").get("reason") == "ServingLastGoodArtifact",
        120,
        "the failed build",
    )
    assert service.condition("Ready")["status"] == "True"
    assert "missing" in service.condition("ArtifactReady")["message"]
    assert "last lines of its log" in messages(service.events())
    assert len(ask(service.http)) == 4
    service.access.apply(manifest(service.namespace))
    service.wait(service.serves, 60, "as before")
    assert len(set(service.jobs()) - jobs) == 1


def test_a_change_fails_no_request_though_the_operator_is_killed_in_it(
    service: Served, operator: Operator
) -> None:
    """New pods at once, as they have other resources; then the setting that was measured in them.

    Killed while that is tuned, and again while it is tried.
    """
    before = set(service.jobs())
    faster = manifest(service.namespace)
    faster["spec"]["serving"]["resources"]["requests"]["cpu"] = "150m"
    with steady_traffic(service.http) as traffic:
        service.access.apply(faster)
        service.wait(lambda: service.job_runs("tune"), 60, "the new tuning")
        operator.kill()
        service.wait(
            lambda: service.condition("Reconciling").get("reason") in {"RollingOut", "Reloading"},
            READY_SECONDS,
            "the new setting in the first pod",
        )
        operator.kill()
        service.wait(service.serves, READY_SECONDS, "the change to be done")
    assert traffic.failures == []
    assert traffic.answered > 0
    (job,) = set(service.jobs()) - before
    assert "-tune-" in job


def test_deleting_it_in_the_middle_of_a_rollout_leaves_nothing(service: Served) -> None:
    slower = manifest(service.namespace)
    slower["spec"]["serving"]["resources"]["limits"]["memory"] = "900Mi"
    slower["spec"]["model"]["revision"] = "2"
    service.access.apply(slower)
    service.wait(lambda: service.job_runs("build"), 60, "the next change")
    scale(service, 2)
    service.wait(
        lambda: service.deployment()["status"].get("unavailableReplicas"), 60, "a pod that starts"
    )
    service.access.kubectl("delete", "msvc", NAME, "--timeout=30s", namespace=service.namespace)
    service.wait_until_gone()
