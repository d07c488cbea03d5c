"""Labels and the pieces that satisfy the Pod Security Standard ``restricted``."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

PART_OF = {"app.kubernetes.io/part-of": "modelservice-harness"}

#: For a container.
RESTRICTED: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def pod_security(user: int) -> Object:
    """The pod's security context: ``user`` owns what it writes to a volume."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def labels(component: str) -> dict[str, str]:
    """Labels of what belongs to ``component`` of the harness."""
    return {"app.kubernetes.io/name": component, **PART_OF}


def meta(name: str, namespace: str, component: str) -> Object:
    """Name, namespace and labels."""
    return {"name": name, "namespace": namespace, "labels": labels(component)}
