"""The CRD in the chart: the same as the file, kept on uninstall, or left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Objects = list[dict[str, Any]]
Pick = Callable[..., dict[str, Any]]
Render = Callable[..., Objects]

KIND = "CustomResourceDefinition"


def test_the_chart_installs_the_one_crd_unchanged(
    default_objects: Objects, pick: Pick, crd: Mapping[str, Any]
) -> None:
    installed = pick(default_objects, KIND)

    assert installed["spec"] == crd["spec"]
    assert installed["metadata"]["name"] == crd["metadata"]["name"]


def test_it_is_kept_on_uninstall_unless_one_says_otherwise(render: Render, pick: Pick) -> None:
    policy = "helm.sh/resource-policy"

    assert pick(render(), KIND)["metadata"]["annotations"][policy] == "keep"
    dropped = pick(render({"crds": {"keep": False}}), KIND)["metadata"]
    assert policy not in dropped.get("annotations", {})


def test_it_can_be_managed_apart(render: Render) -> None:
    assert KIND not in {item["kind"] for item in render({"crds": {"enabled": False}})}


def test_losing_every_modelservice_on_uninstall_is_said_first(
    notes: Callable[[Mapping[str, Any]], str],
) -> None:
    assert "deletes every ModelService" in notes({"crds": {"keep": False}})
    assert "deletes every ModelService" not in notes({})


def test_the_chart_reads_the_file_at_the_root(chart: Path, repository: Path) -> None:
    assert (chart / "files" / "crds").is_symlink()
    assert (chart / "files" / "crds").resolve() == repository / "crds"
