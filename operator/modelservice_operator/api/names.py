"""Every name, label, annotation and owner reference that the operator gives; in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GROUP = "modelservice.dev"
VERSION = "v1alpha1"
PLURAL = "modelservices"
KIND = "ModelService"

PREFIX = "modelservice.dev"
FINALIZER = f"{PREFIX}/operator"
REBUILD = f"{PREFIX}/rebuild"
#: On a ModelService: in, out or all (api/pausing.py).
PAUSE = f"{PREFIX}/pause-scaling"
NAME_LABEL = f"{PREFIX}/name"
KEY_LABEL = f"{PREFIX}/key"
ATTEMPT_LABEL = f"{PREFIX}/attempt"
KIND_LABEL = f"{PREFIX}/kind"
CONFIG_ANNOTATION = f"{PREFIX}/serving-config"
BUILD_KEY_ANNOTATION = f"{PREFIX}/build-key"
TUNING_KEY_ANNOTATION = f"{PREFIX}/tuning-key"
#: Of the Deployment: its pods' template, the configuration that its rollout began with, and the
#: tuning that its memory is sized by.
PODS_ANNOTATION = f"{PREFIX}/pods"
ROLLOUT_ANNOTATION = f"{PREFIX}/rollout"
SIZED_ANNOTATION = f"{PREFIX}/sized-by"
#: The plan that was too little for a pod, by name (plan/memory.py).
MEMORY_RAISED_ANNOTATION = f"{PREFIX}/memory-raised"
#: Of a pod, read by Kubernetes: those with a lower cost go first; ours is below that of all others.
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
GOES_FIRST = "-1"
COMPONENT_LABEL = "app.kubernetes.io/component"

MANAGER = "modelservice-operator"
BALANCER = "modelservice-balancer"

BUILD = "build"
TUNE = "tune"
SERVING = "serving"
STATE = "state"
BALANCING = "balancing"
STATE_FILE = "state.json"

#: Digits of a key in a name. The longest is a host name, of a pod of a build's Job: 40 characters
#: of the service, the attempt and the pod's index leave 8 in 63.
KEY_DIGITS = 8


def short(key: str) -> str:
    """The part of a key that goes into names."""
    return key[:KEY_DIGITS]


def job(name: str, kind: str, key: str, attempt: int) -> str:
    """Name of a build or tune Job."""
    return f"{name}-{kind}-{short(key)}-{attempt}"


def result(name: str, kind: str, key: str) -> str:
    """Name of the ConfigMap that keeps a Job's result."""
    return f"{name}-{kind}-{short(key)}"


def serving_config(name: str, key: str) -> str:
    """Name of the ConfigMap that the pods of one rollout take Triton's configuration from."""
    return f"{name}-triton-{short(key)}"


def admin_secret(name: str, key: str) -> str:
    """Name of the Secret with the key of Triton's closed APIs; ``key``: names that key."""
    return f"{name}-admin-{short(key)}"


def tuning_state(name: str) -> str:
    """Name of the ConfigMap with what is remembered of a running service's tuning."""
    return f"{name}-tuning"


def balancer_state(name: str) -> str:
    """Name of the ConfigMap with what the balancer has learned of a service."""
    return f"{name}-balancing"


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of a child."""
    return {
        "app.kubernetes.io/name": "modelservice",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": MANAGER,
        COMPONENT_LABEL: component,
        NAME_LABEL: name,
    }


def selector(name: str) -> dict[str, str]:
    """The labels that select the serving pods; they never change."""
    return {NAME_LABEL: name, COMPONENT_LABEL: SERVING}


def owner(name: str, uid: str) -> dict[str, Any]:
    """The owner reference that makes the cluster collect a child with its ModelService."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def selector_text(selected: Mapping[str, str]) -> str:
    """A label selector in the form that the scale subresource wants."""
    return ",".join(f"{key}={value}" for key, value in sorted(selected.items()))
