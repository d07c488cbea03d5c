"""What the operator of a local cluster was granted, and what its audit log says it asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelservice_harness.access import Access
from modelservice_harness.local import LocalCluster

OPERATOR = "system:serviceaccount:modelservice-system:modelservice-operator"
#: API group, resource[/subresource], verb.
Right = tuple[str, str, str]


def rights(access: Access, local: LocalCluster) -> dict[str, list[Right]]:
    """``granted`` and ``asked``, sorted."""
    asked = _asked(local.home / local.name / "audit.log")
    return {"granted": sorted(_granted(access)), "asked": sorted(asked)}


def _asked(audit: Path) -> set[Right]:
    found = set()
    for line in audit.read_text().splitlines():
        entry = json.loads(line)
        reference = entry.get("objectRef")
        if entry["user"]["username"] != OPERATOR or not reference:
            continue
        resource = reference["resource"]
        if reference.get("subresource"):
            resource += f"/{reference['subresource']}"
        found.add((reference.get("apiGroup", ""), resource, entry["verb"]))
    return found


def _granted(access: Access) -> set[Right]:
    """What the chart's roles allow: everywhere, and in the operator's own namespace."""
    own = {"namespace": "modelservice-system"}
    bindings = [
        *(access.get("clusterrolebindings") or {})["items"],
        *(access.get("rolebindings", **own) or {})["items"],
    ]
    found: set[Right] = set()
    for binding in bindings:
        if any(s["name"] == "modelservice-operator" for s in binding.get("subjects", [])):
            kind, name = binding["roleRef"]["kind"].lower(), binding["roleRef"]["name"]
            role = access.get(kind, name, **(own if kind == "role" else {})) or {}
            for rule in role["rules"]:
                found |= _of_rule(rule)
    return found


def _of_rule(rule: dict[str, Any]) -> set[Right]:
    return {
        (group, resource, verb)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
