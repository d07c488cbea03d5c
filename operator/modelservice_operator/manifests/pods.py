"""What every pod of ours has: an unprivileged user, nothing to write to but its own folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import Resources, Store
from modelservice_operator.settings import Runtime

#: The user of our images; also the group that volumes are given to.
USER = 65532

#: Libraries that look for a home or a temporary folder find the one that may be written to.
SCRATCH_ENV = (
    {"name": "HOME", "value": "/tmp"},  # noqa: S108 - a folder of the pod's own
    {"name": "TMPDIR", "value": "/tmp"},  # noqa: S108 - a folder of the pod's own
)


def pod_security() -> dict[str, Any]:
    """The pod's security context: what the restricted Pod Security level asks for."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """The container's security context."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def thread_env(count: int) -> list[dict[str, str]]:
    """Limits for the thread pools of BLAS, OpenMP and their kin, which else take every core."""
    variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return [{"name": name, "value": str(count)} for name in variables]


def store_env_from(store: Store) -> list[dict[str, Any]]:
    """Credentials for the store: every key of the named Secret becomes a variable."""
    if not store.secret_name:
        return []
    return [{"secretRef": {"name": store.secret_name, "optional": False}}]


def resources(wanted: Resources) -> dict[str, Any]:
    """Requests and limits as the container takes them."""
    return {"requests": dict(wanted.requests), "limits": dict(wanted.limits)}


def placement(runtime: Runtime) -> dict[str, Any]:
    """Where the runtime's pods may run."""
    fields: dict[str, Any] = {}
    if runtime.node_selector:
        fields["nodeSelector"] = dict(runtime.node_selector)
    if runtime.tolerations:
        fields["tolerations"] = [dict(item) for item in runtime.tolerations]
    if runtime.priority_class_name:
        fields["priorityClassName"] = runtime.priority_class_name
    return fields


def metadata(
    ref: ServiceRef,
    name: str,
    component: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Name, namespace, labels and owner of a child."""
    fields: dict[str, Any] = {
        "name": name,
        "namespace": ref.namespace,
        "labels": names.labels(ref.name, component) | dict(labels or {}),
        "ownerReferences": [names.owner(ref.name, ref.uid)],
    }
    if annotations:
        fields["annotations"] = dict(annotations)
    return fields
