"""RBAC: the least that works. What was really called is compared in tests/cluster."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from modelservice_operator import handlers

Objects = list[dict[str, Any]]
Pick = Callable[..., dict[str, Any]]
Render = Callable[..., Objects]

#: (group, resource) → verbs.
Rights = dict[tuple[str, str], set[str]]

#: Every right that the operator has in a namespace that it watches, and what needs it.
NEEDED: Rights = {
    ("modelservice.dev", "modelservices"): {"get", "list", "watch"},
    ("modelservice.dev", "modelservices/status"): {"patch"},
    ("batch", "jobs"): {"create", "delete", "list", "watch"},
    ("apps", "deployments"): {"create", "list", "patch", "watch"},
    ("", "serviceaccounts"): {"create", "patch"},
    ("", "services"): {"create", "patch"},
    ("policy", "poddisruptionbudgets"): {"create", "patch"},
    ("", "configmaps"): {"create", "delete", "list", "patch"},
    ("", "secrets"): {"create"},
    ("", "pods"): {"list", "patch", "watch"},
    ("", "resourcequotas"): {"list"},
    ("autoscaling", "horizontalpodautoscalers"): {"list"},
    ("", "pods/log"): {"get"},
    ("", "events"): {"create"},
}
#: What it has beyond that where it watches all namespaces.
NODES: Rights = {("", "nodes"): {"list"}}
KOPF: Rights = {("apiextensions.k8s.io", "customresourcedefinitions"): {"list", "watch"}}


def rights(role: Mapping[str, Any]) -> Rights:
    found: Rights = {}
    for rule in role["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert (group, resource) not in found, "one rule per need"
                found[group, resource] = set(rule["verbs"])
    return found


def roles(objects: Objects) -> Iterator[dict[str, Any]]:
    return (item for item in objects if item["kind"] in {"Role", "ClusterRole"})


def test_the_operator_has_exactly_what_it_needs(default_objects: Objects, pick: Pick) -> None:
    assert rights(pick(default_objects, "ClusterRole", "operator")) == NEEDED | NODES | KOPF


def test_nothing_is_granted_wholesale(render: Render) -> None:
    objects = [*render(), *render({"watchNamespaces": ["a"]})]

    for role in roles(objects):
        for rule in role["rules"]:
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not [group for group in rule["apiGroups"] if "/" in group], "matches nothing"
            if "secrets" in rule["resources"]:
                assert rule["verbs"] == ["create"] or rule.get("resourceNames"), (
                    "never read at will"
                )


def test_one_secret_alone_may_be_read_the_operator_s_own(render: Render, pick: Pick) -> None:
    for values in ({}, {"watchNamespaces": ["a"]}):
        objects = render(values)
        role, binding = (pick(objects, kind, "master-key") for kind in ("Role", "RoleBinding"))
        settings = json.loads(pick(objects, "ConfigMap")["data"]["settings.json"])["masterKey"]
        assert role["metadata"]["namespace"] == settings["namespace"] == "ops"
        assert role["rules"] == [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": [settings["secretName"]],
                "verbs": ["get"],
            },
        ]
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert binding["subjects"][0]["name"] == pick(objects, "ServiceAccount")["metadata"]["name"]


def test_every_kind_that_is_watched_may_be_watched(
    default_objects: Objects, pick: Pick, monkeypatch: Any
) -> None:
    watched: list[tuple[str, str]] = []

    def on_event(group: str, _version: str, plural: str, **_: Any) -> Callable[[Any], Any]:
        watched.append((group, plural))
        return lambda function: function

    monkeypatch.setattr(handlers.kopf.on, "event", on_event)
    handlers.register(handlers.kopf.OperatorRegistry(), lambda _: None, lambda: None)
    granted = rights(pick(default_objects, "ClusterRole", "operator"))

    assert watched
    assert [key for key in watched if not {"list", "watch"} <= granted[key]] == []
    may_watch = {key for key, verbs in granted.items() if "watch" in verbs}
    assert may_watch - KOPF.keys() == set(watched)


def test_the_account_is_bound_to_the_role(default_objects: Objects, pick: Pick) -> None:
    binding = pick(default_objects, "ClusterRoleBinding")
    account = pick(default_objects, "ServiceAccount")

    assert binding["roleRef"]["name"] == pick(default_objects, "ClusterRole", "operator")[
        "metadata"
    ]["name"]  # fmt: skip
    assert binding["subjects"] == [
        {
            "kind": "ServiceAccount",
            "name": account["metadata"]["name"],
            "namespace": account["metadata"]["namespace"],
        }
    ]


def test_with_named_namespaces_there_is_no_cluster_wide_right(render: Render) -> None:
    objects = render({"watchNamespaces": ["team-a", "team-b"]})
    namespaced, bindings = (
        [o for o in objects if o["kind"] == kind and o["metadata"]["namespace"] != "ops"]
        for kind in ("Role", "RoleBinding")
    )

    assert not [item for item in objects if item["kind"] == "ClusterRoleBinding"]
    assert {item["metadata"]["namespace"]: rights(item) for item in namespaced} == {
        "team-a": NEEDED, "team-b": NEEDED,
    }  # fmt: skip
    assert [(b["metadata"]["namespace"], b["subjects"][0]["namespace"]) for b in bindings] == [
        ("team-a", "ops"), ("team-b", "ops"),
    ]  # fmt: skip


def test_owner_references_are_allowed_where_the_cluster_checks_them(
    render: Render, pick: Pick
) -> None:
    role = pick(render({"rbac": {"ownerReferences": True}}), "ClusterRole", "operator")

    assert rights(role) == NEEDED | NODES | KOPF | {
        ("modelservice.dev", "modelservices/finalizers"): {"update"}
    }


def test_without_rbac_no_role_is_made(render: Render) -> None:
    kinds = {item["kind"] for item in render({"rbac": {"create": False}})}

    assert not kinds & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def test_people_may_see_with_view_and_change_with_edit(
    default_objects: Objects, pick: Pick
) -> None:
    viewer = pick(default_objects, "ClusterRole", "viewer")
    editor = pick(default_objects, "ClusterRole", "editor")

    assert aggregated(viewer) == {"view", "edit", "admin"}
    assert aggregated(editor) == {"edit", "admin"}
    assert {verb for verbs in rights_of_person(viewer).values() for verb in verbs} == {
        "get", "list", "watch",
    }  # fmt: skip
    # status is the operator's alone
    assert "modelservices/status" not in rights_of_person(editor)
    assert rights_of_person(editor)["modelservices/scale"] == {"patch", "update"}


def aggregated(role: Mapping[str, Any]) -> set[str]:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels = role["metadata"]["labels"]
    return {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}


def rights_of_person(role: Mapping[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        assert rule["apiGroups"] == ["modelservice.dev"]
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_aggregation_can_be_left_out(render: Render) -> None:
    names = {item["metadata"]["name"] for item in roles(render({"rbac": {"aggregate": False}}))}

    assert {name for name in names if name.endswith(("viewer", "editor"))} == set()


def test_every_rule_says_who_needs_it(chart: Path) -> None:
    text = (chart / "templates" / "_rules.tpl").read_text()
    blocks = re.split(r"(?=^- apiGroups)", text, flags=re.MULTILINE)

    assert len(blocks) > 5
    silent = [
        after.splitlines()[1]
        for before, after in itertools.pairwise(blocks)
        if not re.search(r"^# .+\.$", before, flags=re.MULTILINE)
    ]
    assert silent == []
