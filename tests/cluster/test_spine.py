"""One ModelService on a real Kubernetes, from apply to deletion.

The tests of this file share one service and run in order: each finds what the one before left.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelservice_harness import access as harness_access
from modelservice_harness.access import Access
from modelservice_harness.controls import Operator, Prometheus

#: Build (10 s), tuning (30 to 60 s) and a rollout with its drain, on two busy cores.
READY_SECONDS = 420
NAME = "tiny"
#: Long enough for the scaled-down settings of the tests: stale after 15 s, hold of 15 s.
WITHOUT_PROMETHEUS_SECONDS = 40


@dataclass
class Service:
    """The shared service and how to look at it."""

    access: Access
    namespace: str
    address: str

    def get(self) -> dict[str, Any]:
        """The object."""
        return self.access.get("msvc", NAME, namespace=self.namespace) or {}

    def condition(self, type_: str) -> dict[str, Any]:
        """One condition, empty while it is not there."""
        found = self.get().get("status", {}).get("conditions", [])
        return next((item for item in found if item["type"] == type_), {})

    def deployment(self) -> dict[str, Any]:
        """Its Deployment."""
        return self.access.get("deployment", NAME, namespace=self.namespace) or {}

    def jobs(self) -> dict[str, str]:
        """Names and uids of its Jobs."""
        items = (self.access.get("jobs", namespace=self.namespace) or {}).get("items", [])
        return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}

    def wait(self, predicate: Callable[[], object], seconds: float, what: str) -> Any:
        """Poll, and show the status when time is up."""
        return harness_access.wait_for(
            predicate, seconds, what, state=lambda: json.dumps(self.get().get("status"), indent=1)
        )

    def ask(self, rows: int = 1) -> list[float]:
        """One inference through the Service."""
        body = {
            "inputs": [
                {
                    "name": "input",
                    "datatype": "FP32",
                    "shape": [rows, 8],
                    "data": [0.5] * (8 * rows),
                }
            ]
        }
        request = urllib.request.Request(
            f"http://{self.address}/v2/models/{NAME}/infer",
            data=json.dumps(body).encode(),
            headers={"Connection": "close"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            data: list[float] = json.load(answer)["outputs"][0]["data"]
        return data


@dataclass
class Traffic:
    """Steady requests, without reuse of connections; ``failures`` says what went wrong."""

    service: Service
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until it is told to stop; about ten requests a second."""
        while not self.stop.wait(0.1):
            try:
                self.service.ask()
                self.answered += 1
            except OSError as error:
                self.failures.append(f"{time.strftime('%X')} {error!r}")


@pytest.fixture(scope="module")
def service(cluster: Any, tiny_namespace: Callable[[str], str]) -> Iterator[Service]:
    """The service ``tiny``, applied in a namespace of its own; not waited for."""
    access: Access = cluster.access
    namespace = tiny_namespace("spine")
    access.apply(manifest(namespace))
    harness_access.wait_for(
        lambda: access.get("service", NAME, namespace=namespace), 60, "the Service"
    )
    cluster_ip = (access.get("service", NAME, namespace=namespace) or {})["spec"]["clusterIP"]
    address = cluster.local.forward(f"{cluster_ip}:8000")
    yield Service(access=access, namespace=namespace, address=address)
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


def serving(service: Service) -> bool:
    """Ready, tuned, rolled out."""
    return service.condition("Ready").get("reason") == "Serving" and not service.condition(
        "Reconciling"
    )


def test_it_becomes_ready_tuned_and_says_so(service: Service) -> None:
    service.wait(lambda: serving(service), READY_SECONDS, "Ready, tuned")
    status = service.get()["status"]
    assert status["observedGeneration"] == service.get()["metadata"]["generation"]
    assert status["replicas"]["summary"] == "1/1"
    assert status["tuning"]["maxBatchSize"] >= 1
    table = service.access.kubectl("get", "msvc", "-o", "wide", namespace=service.namespace)
    header, row = table.stdout.splitlines()
    for column in ("READY", "REASON", "ARTIFACT", "METRIC", "SPEEDUP", "REPLICAS", "GOAL"):
        assert column in header
    for words in ("True", "Serving", status["artifact"]["shortDigest"], "cosine", "1/1"):
        assert words in row


def test_it_answers(service: Service) -> None:
    (first, *_) = service.ask()
    assert service.ask()[0] == pytest.approx(first)
    assert len(service.ask()) == 4


def test_events_tell_the_way(service: Service) -> None:
    items = (service.access.get("events", namespace=service.namespace) or {})["items"]
    told = {i["reason"] for i in items if i["involvedObject"]["kind"] == "ModelService"}
    assert {"Building", "Published", "Tuned", "ReplicasReady", "Serving"} <= told


def test_killing_the_operator_changes_nothing_and_fails_no_request(
    service: Service, operator: Operator
) -> None:
    jobs, deployment = service.jobs(), service.deployment()
    traffic = Traffic(service)
    thread = threading.Thread(target=traffic.run)
    thread.start()
    try:
        operator.kill()
        operator.wait_until_available()
        service.wait(lambda: serving(service), 60, "still Ready")
    finally:
        traffic.stop.set()
        thread.join()
    assert traffic.failures == []
    assert traffic.answered > 0
    assert service.jobs() == jobs
    assert service.deployment()["metadata"]["generation"] == deployment["metadata"]["generation"]


def test_losing_prometheus_moves_no_replica(service: Service, prometheus: Prometheus) -> None:
    before = service.deployment()["spec"]["replicas"]
    prometheus.scale(0)
    service.wait(
        lambda: service.condition("MetricsAvailable").get("status") == "False",
        60,
        "MetricsAvailable False",
    )
    end = time.monotonic() + WITHOUT_PROMETHEUS_SECONDS
    harness_access.wait_for(
        lambda: service.deployment()["spec"]["replicas"] != before or time.monotonic() > end,
        WITHOUT_PROMETHEUS_SECONDS + 10,
        "the time without Prometheus",
    )
    assert service.deployment()["spec"]["replicas"] == before
    assert service.condition("Ready")["status"] == "True"
    prometheus.scale(1)
    service.wait(
        lambda: service.condition("MetricsAvailable").get("status") == "True", 90, "metrics again"
    )


def test_kubectl_scale_takes_over_and_gives_back(service: Service) -> None:
    service.access.kubectl("scale", f"msvc/{NAME}", "--replicas=2", namespace=service.namespace)
    service.wait(lambda: service.get()["status"]["replicas"]["summary"] == "2/2", 120, "2 replicas")
    service.access.kubectl(
        "patch", "msvc", NAME, "--type=merge", "-p", '{"spec":{"scaling":{"replicas":null}}}',
        namespace=service.namespace,
    )  # fmt: skip
    service.wait(
        lambda: service.get()["status"]["replicas"]["summary"] == "1/1", 180, "1 replica again"
    )
    reasons = [item["reason"] for item in service.get()["status"]["decisions"]]
    assert any("set by hand" in reason for reason in reasons)


def test_a_broken_revision_leaves_the_old_one_serving_and_going_back_builds_nothing(
    service: Service,
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
    service.ask()
    service.access.apply(manifest(service.namespace))
    service.wait(lambda: serving(service), 60, "as before")
    assert len(set(service.jobs()) - jobs) == 1


def test_a_rollout_fails_no_request(service: Service) -> None:
    traffic = Traffic(service)
    thread = threading.Thread(target=traffic.run)
    thread.start()
    try:
        faster = manifest(service.namespace)
        faster["spec"]["serving"]["resources"]["requests"]["cpu"] = "150m"
        service.access.apply(faster)
        service.wait(lambda: service.condition("Reconciling"), 60, "the change to be seen")
        service.wait(lambda: serving(service), READY_SECONDS, "the change to be done")
    finally:
        traffic.stop.set()
        thread.join()
    assert traffic.failures == []
    assert traffic.answered > 0


def test_deleting_it_leaves_nothing(service: Service) -> None:
    service.access.kubectl("delete", "msvc", NAME, "--timeout=30s", namespace=service.namespace)
    kinds = "jobs,pods,deployments,configmaps,services,poddisruptionbudgets,serviceaccounts"
    selector = f"modelservice.dev/name={NAME}"
    service.wait(
        lambda: (
            not (service.access.get(kinds, "-l", selector, namespace=service.namespace) or {}).get(
                "items"
            )
        ),
        120,
        "all children to go",
    )
