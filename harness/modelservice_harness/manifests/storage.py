"""Namespaces, the claim ``models`` and the pod through which a folder gets into it."""

from __future__ import annotations

from .common import RESTRICTED, Object, labels, meta, pod_security

CLAIM = "models"
UPLOADER = "upload"
MOUNT = f"/mnt/pvc/{CLAIM}"


def namespace(name: str, *, enforce: str = "restricted") -> Object:
    """A namespace that admits only pods of the security standard ``enforce``."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {**labels(name), "pod-security.kubernetes.io/enforce": enforce},
        },
    }


def claim(namespace_name: str, *, storage_class: str, size: str) -> Object:
    """The claim for sources and artifacts; an empty ``storage_class`` means the default."""
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if storage_class:
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta(CLAIM, namespace_name, UPLOADER),
        "spec": spec,
    }


def uploader(namespace_name: str, *, image: str, user: int) -> Object:
    """A pod that mounts the claim and waits: ``kubectl exec … tar`` writes through it."""
    container = {
        "name": UPLOADER,
        "image": image,
        "command": ["sleep", "3600"],
        "securityContext": RESTRICTED,
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "256Mi"},
        },
        "volumeMounts": [{"name": CLAIM, "mountPath": MOUNT}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(UPLOADER, namespace_name, UPLOADER),
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": pod_security(user),
            "containers": [container],
            "volumes": [{"name": CLAIM, "persistentVolumeClaim": {"claimName": CLAIM}}],
        },
    }
