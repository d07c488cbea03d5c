"""Prometheus of the local cluster: finds Triton's and the operator's pods by their labels.

Debian's Prometheus is built without kubernetes_sd, so a second container finds the pods
(``inside/discover.py``) and gives them the same meta labels; with another Prometheus,
``kubernetes_sd_configs: [{role: pod}]`` stands where ``file_sd_configs`` stands here.
"""

from __future__ import annotations

import json
from pathlib import Path

from modelservice_harness.digests import digest_of_text

from .common import RESTRICTED, Object, labels, meta, pod_security

NAMESPACE = "monitoring"
NAME = "prometheus"
PORT = 9090
_USER = 65534
_TARGETS = "/targets/pods.json"
_SELECTORS = ("modelservice.dev/name", "app.kubernetes.io/name=modelservice-operator")
_DISCOVER = Path(__file__).parents[1] / "inside" / "discover.py"


def scrape_config(interval_seconds: int) -> Object:
    """Prometheus' configuration: every container port called ``metrics`` of our pods.

    Series get the labels ``namespace``, ``pod`` and ``modelservice``; the operator's own pod
    has the job ``modelservice-operator``.
    """
    return {
        "global": {
            "scrape_interval": f"{interval_seconds}s",
            "scrape_timeout": f"{max(1, interval_seconds - 1)}s",
        },
        "scrape_configs": [
            _job("modelservices", "modelservice_dev_name", ".+"),
            _job("modelservice-operator", "app_kubernetes_io_name", "modelservice-operator"),
        ],
    }


def _job(name: str, label: str, pattern: str) -> Object:
    return {
        "job_name": name,
        "file_sd_configs": [{"files": [_TARGETS]}],
        "relabel_configs": [
            _filter("keep", f"pod_label_{label}", pattern),
            _filter("keep", "pod_container_port_name", "metrics"),
            # A pod that ended keeps its address in the API; nothing answers there.
            _filter("drop", "pod_phase", "Succeeded|Failed"),
            _copy("namespace", "namespace"),
            _copy("pod_name", "pod"),
            _copy("pod_label_modelservice_dev_name", "modelservice"),
        ],
    }


def _filter(action: str, label: str, pattern: str) -> Object:
    source = [f"__meta_kubernetes_{label}"]
    return {"action": action, "source_labels": source, "regex": pattern}


def _copy(label: str, target: str) -> Object:
    source = [f"__meta_kubernetes_{label}"]
    return {"action": "replace", "source_labels": source, "target_label": target}


def objects(*, image: str, python_image: str, interval_seconds: int) -> list[Object]:
    """Everything: RBAC, configuration, Deployment and Service, in the order to apply."""
    config = _config_map(interval_seconds)
    containers = [_server(image), _discovery(python_image, interval_seconds)]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(NAME, NAMESPACE, NAME)},
        *_cluster_role(),
        config,
        _deployment(containers, digest_of_text(json.dumps(config["data"]))),
        _service(),
    ]


def _cluster_role() -> list[Object]:
    name, group = f"harness-{NAME}", "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels(NAME)},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": labels(NAME)},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
    return [role, binding]


def _config_map(interval_seconds: int) -> Object:
    # JSON is YAML; Prometheus reads it as it is.
    text = json.dumps(scrape_config(interval_seconds), indent=1)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(NAME, NAMESPACE, NAME),
        "data": {"prometheus.yml": text, "discover.py": _DISCOVER.read_text()},
    }


def _server(image: str) -> Object:
    return {
        "name": NAME,
        "image": image,
        "command": ["prometheus"],
        "args": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=6h",
            f"--web.listen-address=:{PORT}",
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PORT}, "periodSeconds": 2},
        "securityContext": RESTRICTED,
        "resources": _resources("50m", "128Mi", "512Mi"),
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus"},
            {"name": "targets", "mountPath": "/targets"},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    }


def _discovery(image: str, interval_seconds: int) -> Object:
    command = ["python", "/etc/prometheus/discover.py", _TARGETS, str(interval_seconds)]
    return {
        "name": "discovery",
        "image": image,
        "command": [*command, *_SELECTORS],
        "securityContext": RESTRICTED,
        "resources": _resources("10m", "32Mi", "128Mi"),
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus"},
            {"name": "targets", "mountPath": "/targets"},
        ],
    }


def _resources(cpu: str, memory: str, limit: str) -> Object:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


def _deployment(containers: list[Object], config_digest: str) -> Object:
    pod = {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 5,
        "securityContext": pod_security(_USER),
        "containers": containers,
        "volumes": [
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "targets", "emptyDir": {}},
            {"name": "data", "emptyDir": {}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(NAME, NAMESPACE, NAME),
        "spec": {
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels(NAME)},
            "template": {
                # A changed configuration has to restart the pod.
                "metadata": {
                    "labels": labels(NAME),
                    "annotations": {"modelservice.dev/config": config_digest},
                },
                "spec": pod,
            },
        },
    }


def _service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(NAME, NAMESPACE, NAME),
        "spec": {
            "selector": labels(NAME),
            "ports": [{"name": "http", "port": PORT, "targetPort": PORT}],
        },
    }
