"""The chart's rules are the least that works: compared with the audit logs, both ways.

Runs after the tests on the local clusters, each of which left what its operator was granted and
what it has asked for (tests/cluster/conftest.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

import pytest
from operator_rights import Right

from modelservice_harness.layout import layout_of
from modelservice_harness.suites import RIGHTS_FOLDER

#: Granted, and never seen in the audit log under this verb, because of the named reason.
CASES: Mapping[Right, str] = {
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


@pytest.fixture(scope="module")
def found() -> Mapping[str, set[Right]]:
    """``granted`` and ``asked``, of all clusters together."""
    files = sorted((layout_of(dict(os.environ)).logs / RIGHTS_FOLDER).glob("*.json"))
    assert files, "no test on a local cluster has run with an operator: make test-cluster first"
    documents = [json.loads(file.read_text()) for file in files]
    return {key: union(document[key] for document in documents) for key in ("granted", "asked")}


def union(lists: Iterable[list[list[str]]]) -> set[Right]:
    return {(group, resource, verb) for rows in lists for group, resource, verb in rows}


def test_what_is_used_is_granted(found: Mapping[str, set[Right]]) -> None:
    discovery = {right for right in found["asked"] if right[1] == "selfsubjectaccessreviews"}
    assert found["asked"] - discovery - found["granted"] == set()


def test_what_is_granted_is_used(found: Mapping[str, set[Right]]) -> None:
    assert found["granted"] - found["asked"] - set(CASES) == set()


def test_no_case_is_left_that_was_seen_after_all(found: Mapping[str, set[Right]]) -> None:
    assert found["asked"] & set(CASES) == set()
