"""Every ModelService that the project shows somewhere is right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from modelservice_operator.api.spec import parse_spec

_FENCE = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<'END'\n(.*?)^ *END$", re.MULTILINE | re.DOTALL)


def services(text: str) -> Iterator[dict[str, Any]]:
    for document in yaml.safe_load_all(text):
        if isinstance(document, dict) and document.get("kind") == "ModelService":
            yield document


def in_files(repository: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((repository / "examples").rglob("*.yaml")):
        for document in services(path.read_text()):
            yield str(path.relative_to(repository)), document
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    for path in pages:
        for block in _FENCE.findall(path.read_text()):
            for document in services(block):
                yield str(path.relative_to(repository)), document


@pytest.fixture(scope="session")
def shown(repository: Path, chart: Path) -> list[tuple[str, dict[str, Any]]]:
    """(where, document) of every complete ModelService in examples, pages and the chart."""
    annotations = yaml.safe_load((chart / "Chart.yaml").read_text())["annotations"]
    hub = [
        ("Chart.yaml", item) for item in yaml.safe_load(annotations["artifacthub.io/crdsExamples"])
    ]
    return [*in_files(repository), *hub]


def problems(schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    errors = jsonschema.Draft202012Validator(dict(schema)).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_everything_shown_fits_the_schema(
    shown: list[tuple[str, dict[str, Any]]], strict_schema: Mapping[str, Any]
) -> None:
    wrong = {where: problems(strict_schema, document) for where, document in shown}

    assert {where: found for where, found in wrong.items() if found} == {}


def test_everything_shown_is_understood_by_the_operator(
    shown: list[tuple[str, dict[str, Any]]],
) -> None:
    for _, document in shown:
        parse_spec(document["spec"])


def test_both_examples_are_there(shown: list[tuple[str, dict[str, Any]]]) -> None:
    names = {doc["metadata"]["name"] for where, doc in shown if where.startswith("examples/")}

    assert {"sentence-encoder", "image-classifier"} <= names


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"store": {"uri": "s3://bucket/a", "secretName": "keys"}},
        {"store": {"uri": "s3://bucket"}, "runtimes": [{"name": "other"}]},
    ],
    ids=["pvc", "s3 with a secret", "s3, another runtime"],
)
def test_the_sample_in_the_notes_is_right(
    notes: Callable[[Mapping[str, Any]], str],
    strict_schema: Mapping[str, Any],
    values: dict[str, Any],
) -> None:
    (block,) = _HEREDOC.findall(notes(values))
    (document,) = services(block)

    assert problems(strict_schema, document) == []
    runtime = values.get("runtimes", [{"name": "triton"}])[0]["name"]
    assert parse_spec(document["spec"]).serving.runtime == runtime


def test_the_check_notices_an_unknown_field(strict_schema: Mapping[str, Any]) -> None:
    document = {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "a"},
        "spec": {
            "model": {"source": {"onnx": {"uri": "pvc://a", "url": "pvc://a"}}},
            "serving": {"latencyObjective": {"milliseconds": 1}},
        },
    }

    assert problems(strict_schema, document) != []
