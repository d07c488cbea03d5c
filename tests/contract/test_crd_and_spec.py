"""The CRD and ``modelservice_operator.api.spec``: the same fields, defaults, enums, bounds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from modelservice_operator.api import spec as api
from modelservice_operator.api.errors import SpecError
from modelservice_operator.api.spec import ModelServiceSpec, parse_spec

Walk = Callable[..., Any]

MINIMAL: dict[str, Any] = {
    "model": {"source": {"onnx": {"uri": "pvc://models/a.onnx"}}},
    "serving": {"latencyObjective": {"milliseconds": 150}},
}
QUANTITIES = {"cpu": "2", "memory": "3Gi"}
#: Every field but ``model.source.onnx``, none at its default.
FULL: dict[str, Any] = {
    "model": {
        "source": {
            "pytorch": {
                "uri": "s3://bucket/source",
                "entrypoint": "model:load",
                "digest": "sha256:" + "ab" * 32,
            }
        },
        "revision": "7",
    },
    "evaluation": {
        "parity": {"absoluteTolerance": "0.5", "relativeTolerance": "1e-2", "minimumCosine": "0.9"}
    },
    "optimization": {
        "maxDurationSeconds": 61,
        "resources": {"requests": QUANTITIES, "limits": QUANTITIES},
    },
    "serving": {
        "runtime": "gpu",
        "latencyObjective": {"percentile": "95.5", "milliseconds": 7},
        "maxBatchSize": 3,
        "maxTuningDurationSeconds": 62,
        "resources": {"requests": QUANTITIES, "limits": {**QUANTITIES, "nvidia.com/gpu": 1}},
    },
    "scaling": {"minReplicas": 2, "maxReplicas": 3, "mode": "Recommend", "replicas": 0},
    "store": {"uri": "s3://bucket/artifacts", "secretName": "credentials"},
    "suspend": True,
}
ONNX_FULL: dict[str, Any] = {
    **FULL,
    "model": {
        **FULL["model"],
        "source": {"onnx": {"uri": "s3://bucket/a.onnx", "digest": "sha256:" + "ab" * 32}},
    },
}


class Recording(Mapping[str, Any]):
    """A JSON object that remembers which of its fields were read."""

    def __init__(self, values: Mapping[str, Any], seen: set[str], path: str = "") -> None:
        self._values, self._seen, self._path = values, seen, path

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        path = f"{self._path}.{key}" if self._path else key
        self._seen.add(path)
        return Recording(value, self._seen, path) if isinstance(value, Mapping) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def defaulted(schema: Mapping[str, Any], value: Any) -> Any:
    """``value`` as the API server stores it: every default of the schema filled in."""
    if not isinstance(value, dict):
        return value
    result = copy.deepcopy(value)
    for name, child in schema.get("properties", {}).items():
        if name not in result and "default" in child:
            result[name] = copy.deepcopy(child["default"])
        if name in result:
            result[name] = defaulted(child, result[name])
    return result


@pytest.fixture(scope="session")
def spec_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of spec."""
    found: Mapping[str, Any] = schema["properties"]["spec"]
    return found


def leaves(spec_schema: Mapping[str, Any], walk: Walk) -> set[str]:
    """Paths of the fields that hold values."""
    return {
        path
        for path, node in walk(spec_schema)
        if path and "properties" not in node and not path.endswith(".*")
    }


def test_the_parser_reads_every_field_of_the_schema_and_no_other(
    spec_schema: Mapping[str, Any], walk: Walk
) -> None:
    seen: set[str] = set()
    parse_spec(Recording(FULL, seen))
    parse_spec(Recording(ONNX_FULL, seen))
    branches = {path for path, _ in walk(spec_schema)}
    gpu = "serving.resources.limits.nvidia.com/gpu"
    below_maps = {
        path for path in seen if path.startswith("serving.resources.") and path.count(".") > 2
    }

    assert leaves(spec_schema, walk) - seen == set()
    assert seen - below_maps - branches == set()
    assert gpu in below_maps


def test_an_object_with_the_schemas_defaults_means_the_same_as_one_without(
    spec_schema: Mapping[str, Any],
) -> None:
    """An object stored before a default existed is understood like a new one."""
    filled = defaulted(spec_schema, MINIMAL)

    assert filled != MINIMAL
    assert parse_spec(filled) == parse_spec(MINIMAL)


@pytest.mark.parametrize("given", [FULL, ONNX_FULL], ids=["pytorch", "onnx"])
def test_a_full_object_takes_no_default(
    spec_schema: Mapping[str, Any], given: dict[str, Any]
) -> None:
    assert defaulted(spec_schema, given) == given


def test_full_and_minimal_differ_in_every_field_of_the_value() -> None:
    """Else a field that the parser reads and forgets would go unnoticed."""
    full, minimal = parse_spec(FULL), parse_spec(MINIMAL)

    assert same_parts(full, minimal) == []


def same_parts(one: Any, other: Any, path: str = "") -> list[str]:
    fields = getattr(type(one), "__dataclass_fields__", None)
    if fields is None or type(one) is not type(other):
        return [path] if one == other else []
    return [
        found
        for name in fields
        for found in same_parts(getattr(one, name), getattr(other, name), f"{path}.{name}")
    ]


def test_the_choices_of_mode_are_the_same(spec_schema: Mapping[str, Any]) -> None:
    mode = spec_schema["properties"]["scaling"]["properties"]["mode"]

    assert set(mode["enum"]) == {api.AUTO, api.RECOMMEND}


def test_the_sources_are_the_same(spec_schema: Mapping[str, Any]) -> None:
    source = spec_schema["properties"]["model"]["properties"]["source"]

    assert set(source["properties"]) == {api.PYTORCH, api.ONNX}


def changed(path: str, value: Any) -> dict[str, Any]:
    """FULL with another value at ``path``, and nothing else in the way of it."""
    document = copy.deepcopy(FULL)
    document["scaling"] |= {"minReplicas": 1, "maxReplicas": 1000}
    node = document
    *parents, last = path.split(".")
    for part in parents:
        node = node[part]
    node[last] = value
    return document


def integers(schema: Mapping[str, Any], walk: Walk) -> list[tuple[str, int, int]]:
    return [
        (path, node["minimum"], node["maximum"])
        for path, node in walk(schema)
        if node.get("type") == "integer"
    ]


def test_whole_numbers_have_the_same_bounds(spec_schema: Mapping[str, Any], walk: Walk) -> None:
    found = integers(spec_schema, walk)

    assert len(found) == 7
    for path, low, high in found:
        for value in (low, high):
            assert isinstance(parse_spec(changed(path, value)), ModelServiceSpec)
        for value in (low - 1, high + 1):
            with pytest.raises(SpecError, match=rf"^spec\.{path}: "):
                parse_spec(changed(path, value))


@pytest.mark.parametrize(
    ("path", "allowed", "refused"),
    [
        ("evaluation.parity.absoluteTolerance", ("0", "1e9"), ("-0.001", "1.1e9", "much")),
        ("evaluation.parity.relativeTolerance", ("0", "1e9"), ("-0.001", "1.1e9", "much")),
        ("evaluation.parity.minimumCosine", ("0", "1"), ("-0.1", "1.001", "near")),
        ("serving.latencyObjective.percentile", ("50", "99.9"), ("49.9", "99.91", "p99")),
    ],
)
def test_decimals_have_the_bounds_of_the_rules(
    path: str, allowed: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    """The rules themselves run in tests/cluster/test_api_refuses_nonsense.py."""
    for value in allowed:
        parse_spec(changed(path, value))
    for value in refused:
        with pytest.raises(SpecError, match=rf"^spec\.{path}: "):
            parse_spec(changed(path, value))


def test_min_above_max_is_refused_by_both(spec_schema: Mapping[str, Any]) -> None:
    document = copy.deepcopy(FULL)
    document["scaling"] |= {"minReplicas": 4, "maxReplicas": 3}
    rules = spec_schema["properties"]["scaling"]["x-kubernetes-validations"]

    assert any("self.minReplicas <= self.maxReplicas" in rule["rule"] for rule in rules)
    with pytest.raises(SpecError, match=r"^spec\.scaling\.minReplicas: 4 is more than"):
        parse_spec(document)


@pytest.mark.parametrize(
    "source",
    [{}, {"onnx": {"uri": "s3://b/a"}, "pytorch": {"uri": "s3://b/a", "entrypoint": "m:f"}}],
    ids=["none", "two"],
)
def test_no_source_and_two_sources_are_refused(source: dict[str, Any]) -> None:
    document = {**MINIMAL, "model": {"source": source}}

    with pytest.raises(SpecError, match=r"^spec\.model\.source: exactly one"):
        parse_spec(document)
