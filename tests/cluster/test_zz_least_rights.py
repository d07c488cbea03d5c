"""The chart's rules are the least that works: compared with the audit log, both ways.

Runs last: it reads what the operator has asked for during all the tests before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

OPERATOR = "system:serviceaccount:modelservice-system:modelservice-operator"
Right = tuple[str, str, str]

#: Granted, and never seen in the audit log under this verb, because of the named reason.
CASES: dict[Right, str] = {
    ("modelservice.dev", "modelservices/finalizers", "update"): (
        "checked by OwnerReferencesPermissionEnforcement, never called"
    ),
    ("apps", "deployments", "create"): "an apply of a new object is checked as create as well",
    ("", "configmaps", "create"): "an apply of a new object is checked as create as well",
    ("", "services", "create"): "an apply of a new object is checked as create as well",
    ("", "serviceaccounts", "create"): "an apply of a new object is checked as create as well",
    ("policy", "poddisruptionbudgets", "create"): (
        "an apply of a new object is checked as create as well"
    ),
}


def used(audit: Path) -> set[Right]:
    """What the operator has asked for: (group, resource[/subresource], verb)."""
    rights = set()
    for line in audit.read_text().splitlines():
        entry = json.loads(line)
        reference = entry.get("objectRef")
        if entry["user"]["username"] != OPERATOR or not reference:
            continue
        resource = reference["resource"]
        if reference.get("subresource"):
            resource += f"/{reference['subresource']}"
        rights.add((reference.get("apiGroup", ""), resource, entry["verb"]))
    return rights


def granted(cluster: Any) -> set[Right]:
    """What the chart's roles allow: everywhere, and in the operator's own namespace."""
    own = {"namespace": "modelservice-system"}
    bindings = [
        *(cluster.access.get("clusterrolebindings") or {})["items"],
        *(cluster.access.get("rolebindings", **own) or {})["items"],
    ]
    rights = set()
    for binding in bindings:
        subjects = binding.get("subjects", [])
        if not any(s["name"] == "modelservice-operator" for s in subjects):
            continue
        kind, name = binding["roleRef"]["kind"].lower(), binding["roleRef"]["name"]
        role = cluster.access.get(kind, name, **(own if kind == "role" else {})) or {}
        for rule in role["rules"]:
            rights |= {
                (group, resource, verb)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return rights


def test_what_is_used_is_granted_and_what_is_granted_is_used(cluster: Any) -> None:
    audit = cluster.local.home / cluster.local.name / "audit.log"
    asked, allowed = used(audit), granted(cluster)
    discovery = {right for right in asked if right[1] == "selfsubjectaccessreviews"}
    assert asked - discovery - allowed == set()
    assert allowed - asked - set(CASES) == set()
    assert asked & set(CASES) == set(), "seen after all: no case of its own is needed"
