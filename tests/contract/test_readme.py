"""The README is true: its manifests fit the schema, its commands and links exist."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def schema() -> dict[str, object]:
    """The schema of v1alpha1."""
    crd = yaml.safe_load((ROOT / "crds" / "modelservices.modelservice.dev.yaml").read_text())
    found: dict[str, object] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def test_its_manifests_fit_the_schema() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        jsonschema.Draft7Validator(schema()).validate(yaml.safe_load(block))


def test_its_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_helm_values_exist() -> None:
    values = yaml.safe_load((ROOT / "charts/modelservice-operator/values.yaml").read_text())
    for path in re.findall(r"--set ([\w.]+)=", README):
        here = values
        for key in path.split("."):
            assert key in here, path
            here = here[key]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_its_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name}: {target}"
