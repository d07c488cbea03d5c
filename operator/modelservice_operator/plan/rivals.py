"""Autoscalers that also want to set the replicas of a service's Deployment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelservice_operator.api.spec import ModelServiceSpec

from .observed import Children

#: KEDA makes an HPA for its own object, which is the one that people know.
_MAKERS = ("ScaledObject",)


def rival_of(autoscalers: Iterable[Mapping[str, Any]], deployment: str) -> str:
    """``HorizontalPodAutoscaler web`` where one of the namespace's names ``deployment``, or ""."""
    found = sorted(_name(item) for item in autoscalers if _targets(item, deployment))
    return found[0] if found else ""


def conflict(spec: ModelServiceSpec, children: Children, deployment: str) -> str:
    """What another autoscaler does and what to do about it; empty where nothing is set by us."""
    not_ours = spec.suspend or spec.scaling.only_advised
    if not children.rival or children.deployment is None or not_ours:
        return ""
    return (
        f"{children.rival} sets the replicas of Deployment {deployment} as well, so they are left"
        " to it; remove it, or set spec.scaling.mode to Recommend"
    )


def _targets(item: Mapping[str, Any], deployment: str) -> bool:
    target = (item.get("spec") or {}).get("scaleTargetRef") or {}
    return target.get("kind") == "Deployment" and target.get("name") == deployment


def _name(item: Mapping[str, Any]) -> str:
    meta = item["metadata"]
    for owner in meta.get("ownerReferences", ()):
        if owner.get("kind") in _MAKERS:
            return f"{owner['kind']} {owner['name']}"
    return f"HorizontalPodAutoscaler {meta['name']}"
