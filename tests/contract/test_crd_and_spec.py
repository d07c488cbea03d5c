"""The CRD and ``modelservice_operator.api.spec``: the same fields, defaults, enums, bounds."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from modelservice_operator.api import spec as api
from modelservice_operator.api.spec import ModelServiceSpec, parse_spec
from modelservice_operator.api.traffic import MAX_SHARES, SCHEMES
from modelservice_runtime.contract import build_spec, requests, traffic
from modelservice_runtime.contract.fields import SpecError

Walk = Callable[..., Any]

MINIMAL: dict[str, Any] = {
    "model": {"source": {"onnx": {"uri": "pvc://models/a.onnx"}}},
    "serving": {"latencyObjective": {"milliseconds": 150}},
}
QUANTITIES = {"cpu": "2", "memory": "3Gi"}
DIGEST = "sha256:" + "ab" * 32
#: Every field but the other sources and what belongs to other metrics and arrivals, none at its
#: default.
FULL: dict[str, Any] = {
    "model": {
        "source": {
            "pytorch": {
                "uri": "s3://bucket/source",
                "entrypoint": "model:load",
                "digest": DIGEST,
            }
        },
        "revision": "7",
    },
    "evaluation": {
        "dataUri": "s3://bucket/data.npz",
        "dataDigest": DIGEST,
        "metric": "EntityF1",
        "output": "logits",
        "labelNames": ["O", "B-PER"],
        "goals": [{"type": "Threshold", "value": "0.5"}],
        "confidence": "0.9",
        "parity": {"absoluteTolerance": "0.5", "relativeTolerance": "1e-2", "minimumCosine": "0.9"},
    },
    "optimization": {
        "techniques": ["Prune"],
        "minSpeedup": "1.5",
        "parallelism": 2,
        "pruning": {"trainingEntrypoint": "model:train", "ratios": ["0.5"]},
        "maxDurationSeconds": 61,
        "resources": {"requests": QUANTITIES, "limits": QUANTITIES},
    },
    "serving": {
        "runtime": "gpu",
        "latencyObjective": {"percentile": "95.5", "milliseconds": 7},
        "maxBatchSize": 3,
        "maxTuningDurationSeconds": 62,
        "traffic": {
            "arrivals": "ClosedLoop",
            "rowsPerSecond": "250.5",
            "rowsPerRequest": [{"rows": 1, "percent": "75"}, {"rows": 3, "percent": "25"}],
            "lengths": [{"length": 16, "percent": "60"}, {"length": 128, "percent": "40"}],
            "repeatedPercent": "30",
            "concurrency": 8,
        },
        "resources": {"requests": QUANTITIES, "limits": {**QUANTITIES, "nvidia.com/gpu": 1}},
    },
    "scaling": {
        "minReplicas": 2,
        "maxReplicas": 3,
        "priority": 7,
        "mode": "Recommend",
        "onMetricsLoss": "Safe",
        "replicas": 0,
    },
    "store": {"uri": "s3://bucket/artifacts", "secretName": "credentials"},
    "suspend": True,
}


def with_source(kind: str) -> dict[str, Any]:
    """FULL with another source and a trace, without pruning, with a metric of the user's own."""
    document = copy.deepcopy(FULL)
    document["model"]["source"] = {kind: {"uri": "s3://bucket/a", "digest": DIGEST}}
    document["optimization"]["techniques"] = []
    del document["optimization"]["pruning"]
    evaluation = document["evaluation"]
    del evaluation["labelNames"]
    evaluation |= {"metric": "Entrypoint", "entrypoint": "model:score"}
    expected = document["serving"]["traffic"]
    del expected["concurrency"]
    expected |= {"arrivals": "Trace", "trace": {"uri": "s3://bucket/trace.csv"}}
    return document


OTHER_SOURCES = [kind for kind in requests.SOURCE_KINDS if kind != requests.PYTORCH]
ALL_FULL = [FULL, *(with_source(kind) for kind in OTHER_SOURCES)]


class Recording(Mapping[str, Any]):
    """A JSON object that remembers which of its fields were read."""

    def __init__(self, values: Mapping[str, Any], seen: set[str], path: str = "") -> None:
        self._values, self._seen, self._path = values, seen, path

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        path = f"{self._path}.{key}" if self._path else key
        self._seen.add(path)
        return recorded(value, self._seen, path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def recorded(value: Any, seen: set[str], path: str) -> Any:
    if isinstance(value, list):
        return [recorded(item, seen, f"{path}[]") for item in value]
    return Recording(value, seen, path) if isinstance(value, Mapping) else value


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
        if path and "properties" not in node and not path.endswith((".*", "[]"))
    }


def test_the_parser_reads_every_field_of_the_schema_and_no_other(
    spec_schema: Mapping[str, Any], walk: Walk
) -> None:
    seen: set[str] = set()
    for document in ALL_FULL:
        parse_spec(Recording(document, seen))
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


@pytest.mark.parametrize("given", ALL_FULL, ids=["pytorch", *OTHER_SOURCES])
def test_a_full_object_takes_no_default(
    spec_schema: Mapping[str, Any], given: dict[str, Any]
) -> None:
    assert defaulted(spec_schema, given) == given


def test_full_and_minimal_differ_in_every_field_of_the_value() -> None:
    """Else a field that the parser reads and forgets would go unnoticed."""
    minimal = parse_spec(MINIMAL)
    same = [set(same_parts(parse_spec(document), minimal)) for document in ALL_FULL]

    assert set.intersection(*same) == set()


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


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("evaluation.metric", requests.METRICS),
        ("evaluation.goals[].type", requests.GOAL_KINDS),
        ("optimization.techniques[]", requests.TECHNIQUES),
        ("serving.traffic.arrivals", traffic.ARRIVALS),
    ],
)
def test_the_words_of_the_contract_are_those_of_the_schema(
    spec_schema: Mapping[str, Any], walk: Walk, path: str, words: tuple[str, ...]
) -> None:
    nodes = dict(walk(spec_schema))

    assert tuple(nodes[path]["enum"]) == words


def test_the_sources_are_the_same(spec_schema: Mapping[str, Any]) -> None:
    source = spec_schema["properties"]["model"]["properties"]["source"]

    assert tuple(source["properties"]) == requests.SOURCE_KINDS


def test_there_may_be_as_many_goals_and_techniques_as_there_are_kinds(
    spec_schema: Mapping[str, Any], walk: Walk
) -> None:
    nodes = dict(walk(spec_schema))

    assert nodes["evaluation.goals"]["maxItems"] == len(requests.GOAL_KINDS)
    assert nodes["optimization.techniques"]["maxItems"] == len(requests.TECHNIQUES)


@pytest.mark.parametrize("kind", [k for k in requests.GOAL_KINDS if k != requests.THRESHOLD])
def test_the_bounds_of_a_goal_are_those_of_its_rules(kind: str) -> None:
    percent = kind.endswith("Percent")
    top = 100 if percent else 1000000000

    def parse(value: str) -> ModelServiceSpec:
        evaluation = {"goals": [{"type": kind, "value": value}]}
        return parse_spec({**MINIMAL, "evaluation": evaluation})

    for value in ("0", str(top)):
        parse(value)
    for value in ("-0.1", f"{top}.5", "much"):
        with pytest.raises(SpecError, match=r"^spec\.evaluation\.goals\[0\]\.value: "):
            parse(value)


def changed(path: str, value: Any) -> dict[str, Any]:
    """FULL with another value at ``path``, and nothing else in the way of it."""
    document = copy.deepcopy(FULL)
    document["scaling"] |= {"minReplicas": 1, "maxReplicas": 1000}
    document["serving"]["maxBatchSize"] = 1024
    document["serving"]["traffic"]["rowsPerRequest"] = [{"rows": 1, "percent": "100"}]
    document["serving"]["traffic"]["lengths"] = [{"length": 16, "percent": "100"}]
    node: Any = document
    *parents, last = path.split(".")
    for part in parents:
        node = node[part.removesuffix("[]")]
        node = node[0] if part.endswith("[]") else node
    node[last] = value
    return document


def error_of(path: str) -> str:
    """How an error begins that names the field at ``path``."""
    return rf"^spec\.{re.escape(path.replace('[]', '[0]'))}: "


def integers(schema: Mapping[str, Any], walk: Walk) -> list[tuple[str, int, int]]:
    return [
        (path, node["minimum"], node["maximum"])
        for path, node in walk(schema)
        if node.get("type") == "integer"
    ]


def test_whole_numbers_have_the_same_bounds(spec_schema: Mapping[str, Any], walk: Walk) -> None:
    found = integers(spec_schema, walk)

    assert len(found) == 12
    for path, low, high in found:
        for value in (low, high):
            assert isinstance(parse_spec(changed(path, value)), ModelServiceSpec)
        for value in (low - 1, high + 1):
            with pytest.raises(SpecError, match=error_of(path)):
                parse_spec(changed(path, value))


@pytest.mark.parametrize(
    ("path", "allowed", "refused"),
    [
        ("evaluation.parity.absoluteTolerance", ("0", "1e9"), ("-0.001", "1.1e9", "much")),
        ("evaluation.parity.relativeTolerance", ("0", "1e9"), ("-0.001", "1.1e9", "much")),
        ("evaluation.parity.minimumCosine", ("0", "1"), ("-0.1", "1.001", "near")),
        ("evaluation.confidence", ("0.8", "0.999"), ("0.79", "0.9991", "sure")),
        ("optimization.minSpeedup", ("0", "100"), ("-1", "100.1", "fast")),
        ("serving.latencyObjective.percentile", ("50", "99.9"), ("49.9", "99.91", "p99")),
        ("serving.traffic.rowsPerSecond", ("0.001", "1e9"), ("0", "1.1e9", "many")),
        ("serving.traffic.repeatedPercent", ("0", "100"), ("-1", "100.1", "most")),
        ("serving.traffic.rowsPerRequest[].percent", ("99.99", "100"), ("0", "100.1", "all")),
        ("serving.traffic.lengths[].percent", ("99.99", "100"), ("0", "100.1", "all")),
    ],
)
def test_decimals_have_the_bounds_of_the_rules(
    path: str, allowed: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    """The rules themselves run in tests/cluster/test_api_refuses_nonsense.py."""
    for value in allowed:
        parse_spec(changed(path, value))
    for value in refused:
        with pytest.raises(SpecError, match=error_of(path)):
            parse_spec(changed(path, value))


def test_there_may_be_as_many_shares_of_requests_as_the_parser_takes(
    spec_schema: Mapping[str, Any], walk: Walk
) -> None:
    nodes = dict(walk(spec_schema))
    rows, lengths = (nodes[f"serving.traffic.{name}"] for name in ("rowsPerRequest", "lengths"))

    assert rows["maxItems"] == lengths["maxItems"] == MAX_SHARES
    assert rows["x-kubernetes-list-map-keys"] == ["rows"], "one share for each size"
    assert lengths["x-kubernetes-list-map-keys"] == ["length"], "one share for each length"


def test_a_trace_may_lie_where_data_may_lie(spec_schema: Mapping[str, Any], walk: Walk) -> None:
    nodes = dict(walk(spec_schema))
    rules = nodes["serving.traffic.trace.uri"]["x-kubernetes-validations"]

    assert rules == nodes["evaluation.dataUri"]["x-kubernetes-validations"]
    assert {scheme.removesuffix("://") for scheme in SCHEMES} == {"pvc", "s3", "https", "http"}


def test_rows_beyond_the_largest_batch_are_refused_by_both(spec_schema: Mapping[str, Any]) -> None:
    document = copy.deepcopy(FULL)
    document["serving"]["maxBatchSize"] = 2
    rules = spec_schema["properties"]["serving"]["x-kubernetes-validations"]

    assert any("share.rows <= " in rule["rule"] for rule in rules)
    with pytest.raises(SpecError, match=r"rowsPerRequest\[1\]\.rows: 3 is more than spec\.serving"):
        parse_spec(document)


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


def test_the_builders_command_knows_every_field_of_a_spec(schema: dict[str, Any]) -> None:
    properties = schema["properties"]["spec"]["properties"]
    assert sorted(build_spec.FIELDS) == sorted(properties)
