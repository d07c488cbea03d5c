"""Artifacts in S3: a real S3-speaking server in the cluster, credentials from a Secret."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

from live_service import READY_SECONDS, LiveService, ask

from modelservice_harness import access as harness_access
from modelservice_harness.access import Access
from modelservice_harness.images import USER
from modelservice_harness.install import wait_for_deployment
from modelservice_harness.manifests.common import RESTRICTED, labels, meta, pod_security

NAME = "s3"
PORT = 5000
BUCKET = "artifacts"


def server(namespace: str, image: str) -> list[dict[str, Any]]:
    """Moto as a Deployment without replicas yet, and its Service."""
    container = {
        "name": NAME,
        "image": image,
        "command": ["moto_server", "--host", "0.0.0.0", "--port", str(PORT)],  # noqa: S104 - a pod's own network
        "securityContext": RESTRICTED,
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"memory": "1Gi"},
        },
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": pod_security(USER),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta(NAME, namespace, NAME),
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels(NAME)},
                "template": {"metadata": {"labels": labels(NAME)}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(NAME, namespace, NAME),
            "spec": {"selector": labels(NAME), "ports": [{"port": PORT}]},
        },
    ]


def credentials(namespace: str, endpoint: str) -> dict[str, Any]:
    """The Secret that the service names: the variables that the AWS tools know."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "store", "namespace": namespace},
        "stringData": {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
        },
    }


def test_a_service_waits_for_its_store_and_then_is_built_tuned_and_served_from_it(
    cluster: Any,
    namespace: str,
    tiny_source: Callable[..., str],
    modelservice: Callable[..., dict[str, Any]],
) -> None:
    access: Access = cluster.access
    access.apply(*server(namespace, cluster.images.s3server))
    address = (access.get("service", NAME, namespace=namespace) or {})["spec"]["clusterIP"]
    access.apply(credentials(namespace, f"http://{address}:{PORT}"))
    store = {"uri": f"s3://{BUCKET}/models", "secretName": "store"}
    access.apply(modelservice(uri=tiny_source(), store=store))
    service = LiveService(access=access, local=cluster.local, namespace=namespace)

    words = service.wait(
        lambda: (
            message
            if "attempt 2 starts at"
            in (message := service.condition("ArtifactReady").get("message", ""))
            else ""
        ),
        120,
        "the store to be missed",
    )
    assert f"s3://{BUCKET}" in words
    assert service.condition("ArtifactReady")["reason"] == "StoreUnavailable"
    assert not service.condition("Stalled")

    access.kubectl("scale", "deployment", NAME, "--replicas=1", namespace=namespace)
    wait_for_deployment(access, NAME, namespace)
    forwarded = cluster.local.forward(f"{address}:{PORT}")
    # kube-proxy hears of a ready pod a moment after the Deployment does.
    harness_access.wait_for(lambda: makes_bucket(forwarded), 60, "the bucket")
    service.wait(service.serves, READY_SECONDS, "Ready, tuned")
    assert service.status()["artifact"]["uri"].startswith(f"s3://{BUCKET}/models/")
    assert len(ask(service.address())) == 4


def makes_bucket(address: str) -> bool:
    """As `aws s3 mb` would; whether the server could be reached."""
    request = urllib.request.Request(f"http://{address}/{BUCKET}", method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except ConnectionError:
        return False
