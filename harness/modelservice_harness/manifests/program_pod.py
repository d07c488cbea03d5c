"""A pod that runs a program of ours, which comes in a ConfigMap. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .common import RESTRICTED, Object, meta, pod_security


def program_pod(
    name: str,
    namespace: str,
    *,
    image: str,
    user: int,
    command: Sequence[str],
    programs: Mapping[str, str],
    folder: str,
    resources: Mapping[str, Mapping[str, str]],
) -> list[Object]:
    """The ConfigMap with ``programs`` (text by file name), and the pod that has them in ``folder``.

    It may write to /tmp and nowhere else, and ends within a second.
    """
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(name, namespace, name),
        "data": dict(programs),
    }
    container = {
        "name": name,
        "image": image,
        "command": list(command),
        "securityContext": RESTRICTED,
        "resources": dict(resources),
        "volumeMounts": [
            {"name": "programs", "mountPath": folder},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
        ],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, namespace, name),
        "spec": {
            "restartPolicy": "Always",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": pod_security(user),
            "containers": [container],
            "volumes": [
                {"name": "programs", "configMap": {"name": name}},
                {"name": "scratch", "emptyDir": {}},
            ],
        },
    }
    return [config, pod]
