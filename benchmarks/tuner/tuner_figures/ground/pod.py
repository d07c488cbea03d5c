"""The pod that asks. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from modelservice_harness.manifests.common import RESTRICTED, Object, meta, pod_security

ASKING = "asking"


def asking(namespace: str, image: str, user: int, programs: Mapping[str, str]) -> list[Object]:
    """It waits to be told what to do. ``programs``: files for its folder /asking."""
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(ASKING, namespace, ASKING),
        "data": dict(programs),
    }
    container = {
        "name": ASKING,
        "image": image,
        "command": ["sleep", "infinity"],
        "securityContext": RESTRICTED,
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "2Gi"},
        },
        "volumeMounts": [
            {"name": "programs", "mountPath": "/asking"},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
        ],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(ASKING, namespace, ASKING),
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": pod_security(user),
            "containers": [container],
            "volumes": [
                {"name": "programs", "configMap": {"name": ASKING}},
                {"name": "scratch", "emptyDir": {}},
            ],
        },
    }
    return [config, pod]
