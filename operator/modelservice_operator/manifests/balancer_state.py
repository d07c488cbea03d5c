"""The ConfigMap with what the balancer has learned of a service."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceKey


def balancer_state_config_map(key: ServiceKey, uid: str, state_json: str) -> dict[str, Any]:
    """``uid``: of the ModelService, with which the cluster collects it."""
    labels = names.labels(key.name, names.STATE) | {names.KIND_LABEL: names.BALANCING}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.balancer_state(key.name),
            "namespace": key.namespace,
            "labels": labels,
            "ownerReferences": [names.owner(key.name, uid)],
        },
        "data": {names.STATE_FILE: state_json},
    }
