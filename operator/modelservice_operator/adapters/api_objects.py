"""Where objects are in the Kubernetes API, and what an answer of it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError

#: kind -> path prefix and plural, for every kind that the operator touches.
_RESOURCES = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Event": ("/api/v1", "events"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "Job": ("/apis/batch/v1", "jobs"),
    "Pod": ("/api/v1", "pods"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "Secret": ("/api/v1", "secrets"),
    "Service": ("/api/v1", "services"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    names.KIND: (f"/apis/{names.GROUP}/{names.VERSION}", names.PLURAL),
}
_SHOWN = 80


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Of one object; without ``name`` of all in the namespace, without ``namespace`` of all."""
    prefix, plural = _RESOURCES[kind]
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"{prefix}/{place}{plural}" + (f"/{name}" if name else "")


def document_of(content: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer.

    Raises:
        UnavailableError: it is none.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UnavailableError(f"the API server answered no JSON: {content[:_SHOWN]!r}") from error
    if not isinstance(document, Mapping):
        raise UnavailableError(f"the API server answered no object: {content[:_SHOWN]!r}")
    return document


def items_of(content: bytes) -> list[Mapping[str, Any]]:
    """The objects of a list; none where the answer is no list.

    Raises:
        UnavailableError: the answer is no JSON object.
    """
    items = document_of(content).get("items")
    return items if isinstance(items, list) else []
