"""A running service is tuned again, under traffic: no request fails, and no pod is replaced.

The tests of this file share one service and run in order.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from live_service import READY_SECONDS, LiveService, steady_traffic

from modelservice_harness.access import Access

#: As fast as the chart allows, but for the trial, which needs some requests.
TUNING = {"driftMinutes": 1, "quietMinutes": 1, "observeSeconds": 2, "trialSeconds": 10}
#: The drift itself, a tune Job, the trial and the load of the other replica.
RETUNE_SECONDS = 480.0


@pytest.fixture(scope="module")
def service(cluster: Any, tiny_namespace: Callable[[str], str]) -> Iterator[LiveService]:
    """Two replicas of ``tiny``, tuned, under an operator that looks for drift every two seconds."""
    access: Access = cluster.access
    cluster.install(tuning=TUNING)
    namespace = tiny_namespace("retuning")
    access.apply(manifest(namespace))
    served = LiveService(access=access, local=cluster.local, namespace=namespace)
    served.wait(served.serves, READY_SECONDS, "Ready, tuned")
    edit_profile(served, roomy)
    served.wait(lambda: requested(served) == ROOM, 60, "pods with room for any setting")
    served.wait(lambda: served.serves() and both_answer(served), READY_SECONDS, "2 of them")
    yield served
    access.kubectl("delete", "namespace", namespace, "--wait=false", check=False)
    cluster.install()


def manifest(namespace: str) -> dict[str, Any]:
    source = {"pytorch": {"uri": "pvc://models/sources/tiny", "entrypoint": "tiny:load"}}
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "tiny", "namespace": namespace},
        "spec": {
            "model": {"source": source},
            "serving": {
                "latencyObjective": {"percentile": "99", "milliseconds": 400},
                "maxBatchSize": 4,
                "maxTuningDurationSeconds": 120,
                "resources": {
                    "requests": {"cpu": "100m", "memory": "512Mi"},
                    "limits": {"cpu": "1", "memory": "1Gi"},
                },
            },
            "scaling": {"minReplicas": 2, "maxReplicas": 2},
        },
    }


#: What pods are sized for: whatever is tuned later fits into it, so that none is replaced.
ROOM = "704Mi"


def roomy(profile: dict[str, Any]) -> None:
    """More memory than any setting of the tiny model needs, within the limit."""
    profile["memory"] |= {
        "requestBytes": 700 << 20,
        "limitBytes": 1000 << 20,
        "sharedMemoryBytes": 256 << 20,
    }


def requested(service: LiveService) -> str:
    """The memory that the serving pods ask for."""
    pod = service.deployment()["spec"]["template"]["spec"]
    found: str = pod["containers"][0]["resources"]["requests"]["memory"]
    return found


def both_answer(service: LiveService) -> bool:
    """Two replicas, and no third one that is about to go."""
    ready: bool = service.status()["replicas"]["summary"] == "2/2"
    return ready and len(serving_pods(service)) == 2


def serving_pods(service: LiveService) -> dict[str, int]:
    """Uids and restarts of the pods that serve."""
    return {
        pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in service.children("pods")
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "serving"
    }


def served_keys(service: LiveService) -> set[str]:
    """What each Triton says that it serves."""
    found = set()
    for pod in service.children("pods"):
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "serving":
            address = service.local.forward(f"{pod['status']['podIP']}:8000")
            with urllib.request.urlopen(f"http://{address}/v2/models/tiny/config") as answer:
                config = json.load(answer)
            found.add(config["parameters"]["config_key"]["string_value"])
    return found


def held_key(service: LiveService) -> str:
    """What the Deployment says that its pods serve."""
    key: str = service.deployment()["metadata"]["annotations"]["modelservice.dev/serving-config"]
    return key


def edit_profile(service: LiveService, change: Callable[[dict[str, Any]], None]) -> None:
    """Someone changes the kept result of the tuning that serves."""
    key = service.status()["tuning"]["tuningKey"]
    name = f"tiny-tune-{key[:8]}"
    found = service.access.get("configmap", name, namespace=service.namespace) or {}
    result = json.loads(found["data"]["result.json"])
    change(result["profile"])
    patch = {"data": {"result.json": json.dumps(result)}}
    service.access.kubectl(
        "patch", "configmap", name, "--type=merge", "-p", json.dumps(patch),
        namespace=service.namespace,
    )  # fmt: skip


def test_the_tritons_admin_api_is_closed(service: LiveService) -> None:
    address = service.address()
    request = urllib.request.Request(
        f"http://{address}/v2/repository/models/tiny/unload", data=b"{}", method="POST"
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request)  # noqa: S310 - our own address


def test_a_changed_setting_is_loaded_into_running_pods(service: LiveService) -> None:
    pods, before = serving_pods(service), held_key(service)

    def two_instances(profile: dict[str, Any]) -> None:
        profile["instances"] += 1
        profile["queueDelayMicroseconds"] = 250

    with steady_traffic(service.address()) as traffic:
        edit_profile(service, two_instances)
        service.wait(lambda: held_key(service) != before, 90, "the new setting as the truth")
        service.wait(lambda: served_keys(service) == {held_key(service)}, 120, "it in every pod")
    assert traffic.failures == []
    assert traffic.answered > 0
    assert serving_pods(service) == pods


def test_a_service_that_drifts_is_tuned_again(service: LiveService) -> None:
    """Its profile says ten times the time that executions take: it is wrong, so measure anew."""
    pods, before, key = serving_pods(service), served_keys(service), tuning_key(service)

    def ten_times(profile: dict[str, Any]) -> None:
        for point in profile["service"]:
            point["milliseconds"] *= 10

    with steady_traffic(service.address()) as traffic:
        edit_profile(service, ten_times)
        service.wait(
            lambda: service.condition("Tuned").get("reason") == "Retuning", 240, "the reason"
        )
        assert "times what was measured" in service.condition("Tuned")["message"]
        assert service.serves(), "a retuning is no progress towards the spec"
        service.wait(lambda: tuning_key(service) != key, RETUNE_SECONDS, "the new tuning")
        service.wait(lambda: served_keys(service) == {held_key(service)}, 120, "it in every pod")
    assert traffic.failures == []
    assert serving_pods(service) == pods
    assert served_keys(service) != before
    assert service.condition("Tuned")["reason"] == "Retuned"
    assert {"Retuning", "Retuned"} <= {item["reason"] for item in service.events()}


def tuning_key(service: LiveService) -> str:
    key: str = service.status()["tuning"]["tuningKey"]
    return key
