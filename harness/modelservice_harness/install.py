"""The operator and what it needs, on any cluster that ``access`` reaches."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .access import Access, wait_for
from .images import ImageNames
from .manifests import prometheus, storage

OPERATOR_NAMESPACE = "modelservice-system"
RELEASE = "modelservice-operator"
_READY_SECONDS = 180
#: What the local cluster's serving image can run, by backend: the runner has torch there too.
#: Images from a registry are the user's; the chart's default suits them.
LOCAL_ENGINES = {"python": ("onnxruntime", "openvino", "aoti"), "onnxruntime": ("onnxruntime",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the balancer turns. The defaults suit a demo that a person watches."""

    scrape_seconds: int = 5
    interval_seconds: int = 5
    scale_down_hold_seconds: int = 30
    metrics_stale_seconds: int = 30
    job_backoff_seconds: int = 30


def install_prometheus(access: Access, images: ImageNames, pace: Pace) -> str:
    """Prometheus as a Deployment; returns its address inside the cluster, without DNS."""
    access.apply(storage.namespace(prometheus.NAMESPACE))
    access.apply(
        *prometheus.objects(
            image=images.prometheus,
            python_image=images.client,
            interval_seconds=pace.scrape_seconds,
        )
    )
    service = access.get("service", prometheus.NAME, namespace=prometheus.NAMESPACE) or {}
    return f"http://{service['spec']['clusterIP']}:{prometheus.PORT}"


def install_operator(
    access: Access, repository: Path, values: Mapping[str, Any], *, restart_key: str
) -> None:
    """``helm upgrade --install`` of the chart, and wait until the operator is available.

    ``restart_key``: the digest of the sources behind the image. Image names do not change with
    them here, so a new digest has to restart the pod, as a new tag would.

    Raises:
        CommandFailed: the chart was refused.
        WaitTimeout: the operator did not become available.
    """
    access.apply(storage.namespace(OPERATOR_NAMESPACE))
    merged = {**values, "podAnnotations": {"modelservice.dev/sources": restart_key}}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(merged, file)
        file.flush()
        access.helm(
            "upgrade", "--install", RELEASE, str(repository / "charts" / RELEASE),
            "--namespace", OPERATOR_NAMESPACE, "--values", file.name,
        )  # fmt: skip
    wait_for_deployment(access, RELEASE, OPERATOR_NAMESPACE)


def operator_values(
    images: ImageNames, prometheus_url: str, pace: Pace, *, backend: str = "python"
) -> dict[str, Any]:
    """Chart values. ``backend``: the local cluster's Triton has the Python backend only."""
    return {
        "image": _image(images, "modelservice-operator"),
        "builderImage": _image(images, "modelservice-builder"),
        "kerasBuilderImage": _image(images, "modelservice-builder-keras"),
        "store": {"uri": f"pvc://{storage.CLAIM}/artifacts"},
        "prometheus": {"url": prometheus_url},
        "balancer": {
            "intervalSeconds": pace.interval_seconds,
            "scaleDownHoldSeconds": pace.scale_down_hold_seconds,
            "metricsStaleSeconds": pace.metrics_stale_seconds,
        },
        "jobs": {"backoffSeconds": pace.job_backoff_seconds},
        "runtimes": [
            {
                "name": "triton",
                "image": images.name("modelservice-serving"),
                "tunerImage": images.name("modelservice-tuner"),
                "backend": backend,
                "engines": [] if images.prefix else list(LOCAL_ENGINES[backend]),
            }
        ],
    }


def _image(images: ImageNames, repository: str) -> dict[str, str]:
    return {"repository": f"{images.prefix}{repository}", "tag": images.version}


def wait_for_deployment(
    access: Access, name: str, namespace: str, seconds: float = _READY_SECONDS
) -> None:
    """Wait until all replicas of the newest template are available.

    Raises:
        WaitTimeout: the message shows the pods and their events.
    """
    wait_for(
        lambda: is_rolled_out(access.get("deployment", name, namespace=namespace)),
        seconds,
        f"Deployment {namespace}/{name}",
        state=lambda: _pods_and_events(access, namespace),
    )


def is_rolled_out(deployment: Mapping[str, Any] | None) -> bool:
    """Whether a Deployment's status speaks of its newest generation and all of it is there."""
    if deployment is None:
        return False
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status", {})
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
    )


def _pods_and_events(access: Access, namespace: str) -> str:
    pods = access.kubectl("get", "pods", "-o", "wide", namespace=namespace, check=False).stdout
    events = access.kubectl("events", namespace=namespace, check=False).stdout
    names = access.kubectl("get", "pods", "-o", "name", namespace=namespace, check=False).stdout
    logs = [
        access.kubectl(
            "logs",
            pod,
            "--all-containers",
            "--prefix",
            "--tail=15",
            namespace=namespace,
            check=False,
        ).stdout
        for pod in names.split()
    ]
    return f"\n{pods}{events[-3000:]}{''.join(logs)}"
