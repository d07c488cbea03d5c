"""Services that cannot be: each says what is wrong, and harms nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from modelservice_harness import access as harness_access
from modelservice_harness.access import Access


def conditions(access: Access, namespace: str, name: str = "tiny") -> dict[str, dict[str, Any]]:
    """The conditions by type."""
    found = (access.get("msvc", name, namespace=namespace) or {}).get("status", {})
    return {item["type"]: item for item in found.get("conditions", [])}


def test_an_unknown_runtime_is_said_with_those_that_there_are(
    cluster: Any, namespace: str, modelservice: Callable[..., dict[str, Any]]
) -> None:
    document = modelservice()
    document["spec"]["serving"]["runtime"] = "tpu"
    cluster.access.apply(document)
    stalled = harness_access.wait_for(
        lambda: conditions(cluster.access, namespace).get("Stalled"), 30, "Stalled"
    )
    assert "spec.serving.runtime" in stalled["message"]
    assert "triton" in stalled["message"]


def test_a_wrong_digest_and_then_a_deletion_in_the_middle_of_a_build(
    cluster: Any,
    namespace: str,
    tiny_source: Callable[..., str],
    modelservice: Callable[..., dict[str, Any]],
) -> None:
    access: Access = cluster.access
    document = modelservice(uri=tiny_source())
    document["spec"]["model"]["source"]["pytorch"]["digest"] = "sha256:" + "0" * 64
    access.apply(document)
    harness_access.wait_for(
        lambda: (
            conditions(access, namespace).get("Ready", {}).get("reason") == "SourceDigestMismatch"
        ),
        90,
        "SourceDigestMismatch",
        state=lambda: json.dumps(conditions(access, namespace), indent=1),
    )
    del document["spec"]["model"]["source"]["pytorch"]["digest"]
    access.apply(document)
    harness_access.wait_for(
        lambda: conditions(access, namespace).get("Ready", {}).get("reason") == "Building",
        30,
        "the build",
    )
    access.kubectl("delete", "msvc", "tiny", "--timeout=30s", namespace=namespace)
    harness_access.wait_for(
        lambda: (
            not (
                access.get(
                    "jobs,pods,configmaps,deployments,services",
                    "-l",
                    "modelservice.dev/name=tiny",
                    namespace=namespace,
                )
                or {}
            ).get("items")
        ),
        90,
        "all children to go",
    )


def test_twenty_applies_in_a_row_start_one_build(
    cluster: Any, namespace: str, modelservice: Callable[..., dict[str, Any]]
) -> None:
    """The source is not there: the one build fails, and only once."""
    access: Access = cluster.access
    document = modelservice(uri="pvc://models/sources/nothing-here")
    for number in range(20):
        document["metadata"]["labels"] = {"applied": str(number)}
        access.apply(document)
    harness_access.wait_for(
        lambda: conditions(access, namespace).get("ArtifactReady", {}).get("status") == "False",
        90,
        "the failed build",
        state=lambda: json.dumps(conditions(access, namespace), indent=1),
    )
    assert conditions(access, namespace)["ArtifactReady"]["reason"] == "SourceNotFound"
    assert len((access.get("jobs", namespace=namespace) or {})["items"]) == 1
