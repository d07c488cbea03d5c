"""values.yaml ↔ values.schema.json: the same keys, every key described, wrong values refused."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def values_schema(chart: Path) -> dict[str, Any]:
    """values.schema.json."""
    parsed: dict[str, Any] = json.loads((chart / "values.schema.json").read_text())
    return parsed


def value_paths(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from value_paths(value, f"{path}{key}.")


def schema_paths(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, child in schema.get("properties", {}).items():
        yield f"{path}{key}"
        yield from schema_paths(child, f"{path}{key}.")


def test_the_schema_is_a_draft_07_schema(values_schema: dict[str, Any]) -> None:
    assert values_schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(values_schema)


def test_values_and_schema_have_the_same_keys(
    values: Mapping[str, Any], values_schema: Mapping[str, Any]
) -> None:
    #: Helm's own; and quantities by resource name, which the schema leaves open.
    written = {p for p in value_paths(values) if not re.match(r"resources\.\w+\.", p)}

    assert set(schema_paths(values_schema)) - {"global"} == written


def test_the_values_are_valid(values: Mapping[str, Any], values_schema: Mapping[str, Any]) -> None:
    jsonschema.Draft7Validator(dict(values_schema)).validate(values)


def test_the_runtimes_in_values_show_every_key(
    values: Mapping[str, Any], values_schema: Mapping[str, Any]
) -> None:
    item = values_schema["properties"]["runtimes"]["items"]["properties"]

    assert set(values["runtimes"][0]) == set(item)


def test_every_object_of_the_schema_is_closed(values_schema: Mapping[str, Any]) -> None:
    def is_open(schema: Mapping[str, Any], path: str) -> Iterator[str]:
        if "properties" in schema and schema.get("additionalProperties") is not False:
            yield path
        for key, child in schema.get("properties", {}).items():
            yield from is_open(child, f"{path}.{key}")
        if "items" in schema:
            yield from is_open(schema["items"], f"{path}[]")

    assert list(is_open(values_schema, "values")) == []


def test_every_key_is_described(chart: Path) -> None:
    """A key with a scalar, a list or a map of the user's has a ``# --`` comment above."""
    lines = (chart / "values.yaml").read_text().splitlines()
    silent = [
        line
        for before, line in itertools.pairwise(lines)
        # A section, or what lies below a described key, needs none.
        if re.match(r"^( {2})?\w+: ?.+$", line)
        and not before.lstrip().startswith("# -- ")
        and not re.match(r"^ {4}", line)
    ]

    assert [line for line in silent if not line.startswith("  - ")] == []


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"replicas": 2}, "$", "'replicas' was unexpected"),
        ({"balancer": {"headroom": "0.2"}}, "$.balancer", "'headroom' was unexpected"),
        (
            {"balancer": {"gpus": {"nvidia.com/gpu": "8"}}},
            "$.balancer.gpus['nvidia.com/gpu']",
            "integer",
        ),
        ({"balancer": {"gpus": {"gpu": 8}}}, "$.balancer.gpus", "match"),
        ({"balancer": {"intervalSeconds": 0}}, "$.balancer.intervalSeconds", "minimum"),
        ({"store": {"uri": "gs://bucket"}}, "$.store.uri", "match"),
        ({"store": {"uri": "models"}}, "$.store.uri", "match"),
        ({"store": {"uri": "s3://key:secret@bucket"}}, "$.store.uri", "match"),
        ({"prometheus": {"url": "prometheus:9090"}}, "$.prometheus.url", "match"),
        ({"runtimes": []}, "$.runtimes", "non-empty"),
        ({"runtimes": [{"image": "x"}]}, "$.runtimes[0]", "'name' is a required"),
        ({"runtimes": [{"name": "Triton"}]}, "$.runtimes[0].name", "match"),
        ({"runtimes": [{"name": "a", "backend": "x"}]}, "$.runtimes[0].backend", "one of"),
        ({"jobs": {"attempts": 0}}, "$.jobs.attempts", "minimum"),
        ({"tuning": {"driftMinutes": 0}}, "$.tuning.driftMinutes", "minimum"),
        ({"tuning": {"trialSeconds": 301}}, "$.tuning.trialSeconds", "maximum"),
        ({"logFormat": "xml"}, "$.logFormat", "one of"),
        ({"image": {"pullPolicy": "Sometimes"}}, "$.image.pullPolicy", "one of"),
        ({"image": {"tag": "a b"}}, "$.image.tag", "match"),
        ({"imageRegistry": "host/"}, "$.imageRegistry", "match"),
        ({"watchNamespaces": ["a", "a"]}, "$.watchNamespaces", "non-unique"),
        ({"watchNamespaces": "a"}, "$.watchNamespaces", "type 'array'"),
        ({"podMonitor": {"interval": "often"}}, "$.podMonitor.interval", "match"),
        ({"terminationGracePeriodSeconds": 0}, "$.terminationGracePeriodSeconds", "minimum"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_wrong_values_are_refused_and_named(
    *,
    values: Mapping[str, Any],
    values_schema: Mapping[str, Any],
    given: dict[str, Any],
    path: str,
    words: str,
) -> None:
    merged = {**values, **given}
    errors = list(jsonschema.Draft7Validator(dict(values_schema)).iter_errors(merged))

    assert [error.json_path for error in errors] == [path]
    assert words in errors[0].message


def test_helm_stops_at_a_wrong_value(helm: Helm, chart: Path) -> None:
    done = helm(
        "template", "x", str(chart), "--values", "-", stdin='{"balancer": {"headroom": "0.2"}}'
    )  # fmt: skip

    assert done.returncode != 0
    assert "additional properties 'headroom' not allowed" in done.stderr


def test_lint_finds_nothing(helm: Helm, chart: Path) -> None:
    done = helm("lint", "--strict", str(chart))

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_chart_without_values_for_a_subchart_still_takes_global_ones(
    helm: Helm, chart: Path
) -> None:
    """As a dependency of another chart it is given ``global``."""
    done = helm(
        "template", "x", str(chart), "--values", "-", stdin='{"global": {"anything": 1}}'
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
