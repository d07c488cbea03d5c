"""How a service is reached, and how many of its pods may be away at once."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef

from .pods import metadata

HTTP_PORT = 8000
GRPC_PORT = 8001
METRICS_PORT = 8002


def service(ref: ServiceRef) -> dict[str, Any]:
    """One address for all replicas: KServe v2 protocol over HTTP and gRPC."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(ref, ref.name, names.SERVING),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector(ref.name),
            "ports": [
                {"name": "http", "port": HTTP_PORT, "targetPort": "http", "protocol": "TCP"},
                {
                    "name": "grpc",
                    "port": GRPC_PORT,
                    "targetPort": "grpc",
                    "protocol": "TCP",
                    "appProtocol": "kubernetes.io/h2c",
                },
            ],
        },
    }


def disruption_budget(ref: ServiceRef) -> dict[str, Any]:
    """One pod at a time may be drained; a broken one always."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(ref, ref.name, names.SERVING),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(ref.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def service_account(ref: ServiceRef) -> dict[str, Any]:
    """An identity without rights and without a token."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(ref, ref.name, names.SERVING),
        "automountServiceAccountToken": False,
    }
