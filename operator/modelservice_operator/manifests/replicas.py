"""The one field of the Deployment that the balancer owns."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api.service import ServiceKey


def replicas_manifest(key: ServiceKey, replicas: int) -> dict[str, Any]:
    """The apply of ``spec.replicas`` alone."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {"replicas": replicas},
    }
