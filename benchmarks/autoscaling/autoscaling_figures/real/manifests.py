"""What is applied: three ModelServices, copies of what became of them, and HPAs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import triton_http

from modelservice_harness.images import USER
from modelservice_harness.manifests.common import Object, labels, meta
from modelservice_harness.manifests.program_pod import program_pod
from modelservice_harness.manifests.storage import CLAIM

from .inside.metrics import GROUP_VERSION, METRIC, SELECTOR
from .setting import (
    BATCH,
    COPIED_GPU,
    GOAL_MS,
    GPU,
    GPUS,
    GPUS_PER_NODE,
    HPA,
    METRICS_PORT,
    NAMESPACES,
    OURS,
    STAYING_NODE,
)

ADAPTER, SENDER = "external-metrics", "sender"
_INSIDE = Path(__file__).parent / "inside"
_SENDING = (_INSIDE / "sending.py", triton_http.SOURCE)
_MANAGER = "app.kubernetes.io/managed-by"
_KEPT = ("apiVersion", "kind", "data", "type")


def service(name: str, uri: str) -> Object:
    """A ModelService of one of the three, at the product's defaults."""
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name, "namespace": NAMESPACES[OURS]},
        "spec": {
            "model": {"source": {"pytorch": {"uri": uri, "entrypoint": "tiny:load"}}},
            "serving": {
                "latencyObjective": {"percentile": "99", "milliseconds": GOAL_MS},
                "maxBatchSize": BATCH,
                "maxTuningDurationSeconds": 300,
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {"cpu": "1", "memory": "2Gi", GPU: 1},
                },
            },
            "scaling": {"minReplicas": 1, "maxReplicas": GPUS},
        },
    }


def held_at_one() -> Object:
    """A merge patch of a ModelService: one replica, by hand."""
    return {"spec": {"scaling": {"replicas": 1}}}


def let_go() -> Object:
    """A merge patch of a ModelService: the balancer decides."""
    return {"spec": {"scaling": {"replicas": None}}}


def with_copied_gpus() -> Object:
    """A merge patch of a node's status: what the copies hold, as many as there are of the other."""
    return {"status": {"capacity": {COPIED_GPU: str(GPUS_PER_NODE)}}}


def copied(item: Mapping[str, Any]) -> Object:
    """A child of a ModelService as a user's own object in the other namespace.

    Owner and manager are gone; a Service gets an address of its own; a Deployment one replica,
    whose pods hold the other resource.
    """
    metadata = item["metadata"]
    made: Object = {key: item[key] for key in _KEPT if key in item} | {
        "metadata": {
            "name": metadata["name"],
            "namespace": NAMESPACES[HPA],
            "labels": _own(metadata.get("labels", {})),
        }
    }
    if item["kind"] == "Service":
        made["spec"] = {key: item["spec"][key] for key in ("type", "selector", "ports")}
    if item["kind"] == "Deployment":
        made["spec"] = _deployment(item["spec"])
    if item["kind"] == "ServiceAccount":
        made["automountServiceAccountToken"] = False
    return made


def _own(found: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if name != _MANAGER}


def _deployment(spec: Mapping[str, Any]) -> Object:
    template = spec["template"]
    pod = template["spec"]
    containers = [{**item, "resources": _holds(item["resources"])} for item in pod["containers"]]
    fresh = {
        "metadata": {"labels": _own(template["metadata"]["labels"])},
        "spec": {**pod, "containers": containers},
    }
    return {**spec, "replicas": 1, "template": fresh}


def _holds(resources: Mapping[str, Mapping[str, Any]]) -> Object:
    return {
        kind: {COPIED_GPU if name == GPU else name: value for name, value in values.items()}
        for kind, values in resources.items()
    }


def shared_claim(path: str, size: str) -> list[Object]:
    """The claim of the copies: the folder that the others' claim is, which has the artifacts."""
    name = f"{NAMESPACES[HPA]}-{CLAIM}"
    modes = ["ReadWriteOnce"]
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "storageClassName": "",
            "accessModes": modes,
            "capacity": {"storage": size},
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": path},
            "claimRef": {"namespace": NAMESPACES[HPA], "name": CLAIM},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta(CLAIM, NAMESPACES[HPA], name),
        "spec": {
            "storageClassName": "",
            "accessModes": modes,
            "volumeName": name,
            "resources": {"requests": {"storage": size}},
        },
    }
    return [volume, claim]


def autoscaler(name: str, target: float) -> Object:
    """An HPA at its default behaviour; ``target``: rows a second of each replica."""
    metric = {
        "metric": {"name": METRIC, "selector": {"matchLabels": {SELECTOR: name}}},
        "target": {"type": "AverageValue", "averageValue": f"{round(1000 * target)}m"},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta(name, NAMESPACES[HPA], name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 1,
            "maxReplicas": GPUS,
            "metrics": [{"type": "External", "external": metric}],
        },
    }


def adapter(image: str, prometheus: str, certificate: str, key: str) -> list[Object]:
    """What serves the HPA's metric, registered with the API server.

    ``certificate``, ``key``: PEM, of anybody; the API server is told not to look.
    """
    namespace = NAMESPACES[HPA]
    programs = {
        "metrics.py": (_INSIDE / "metrics.py").read_text(encoding="utf-8"),
        "tls.crt": certificate,
        "tls.key": key,
    }
    words = ["python", "/programs/metrics.py", prometheus, "/programs/tls.crt", "/programs/tls.key"]
    group, _, version = GROUP_VERSION.partition("/")
    return [
        *program_pod(
            ADAPTER,
            namespace,
            image=image,
            user=USER,
            command=[*words, str(METRICS_PORT)],
            programs=programs,
            folder="/programs",
            resources=_resources("50m", "64Mi", "256Mi"),
        ),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(ADAPTER, namespace, ADAPTER),
            "spec": {
                "selector": labels(ADAPTER),
                "ports": [{"name": "https", "port": 443, "targetPort": METRICS_PORT}],
            },
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}", "labels": labels(ADAPTER)},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"name": ADAPTER, "namespace": namespace, "port": 443},
            },
        },
    ]


def sender(namespace: str, image: str) -> list[Object]:
    """The pod that sends requests to the services of its namespace, from the node that stays."""
    config, pod = program_pod(
        SENDER,
        namespace,
        image=image,
        user=USER,
        command=["python", "/programs/sending.py", "/tmp"],  # noqa: S108 - a path in the pod
        programs={file.name: file.read_text(encoding="utf-8") for file in _SENDING},
        folder="/programs",
        resources=_resources("100m", "128Mi", "2Gi"),
    )
    pod["spec"]["nodeSelector"] = {"kubernetes.io/hostname": STAYING_NODE}
    return [config, pod]


def _resources(cpu: str, memory: str, limit: str) -> Mapping[str, Mapping[str, str]]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}
