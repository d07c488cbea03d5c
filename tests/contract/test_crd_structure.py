"""The CRD by itself: structural, described, bounded, defaulted; its paths lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest

Walk = Callable[..., Any]

#: The API server's own part of the object.
FOREIGN = {"apiVersion", "kind", "metadata"}

_PART = re.compile(r"\.(\w+)|\[\?\(@\.(\w+)==\"(\w+)\"\)\]")


@pytest.fixture(scope="session")
def ours(schema: Mapping[str, Any], walk: Walk) -> dict[str, Mapping[str, Any]]:
    """Every schema of spec and status by its path."""
    return {
        path: node
        for path, node in walk(schema)
        if path and path.split(".", maxsplit=1)[0] not in FOREIGN
    }


def test_every_field_is_described_in_words(ours: Mapping[str, Any]) -> None:
    poor = [
        path
        for path, node in ours.items()
        if not path.endswith("dims[]")
        and (len(node.get("description", "")) < 5 or not node["description"].endswith("."))
    ]

    assert poor == []


def test_every_field_is_bounded(ours: Mapping[str, Any]) -> None:
    unbounded = [path for path, node in ours.items() if not is_bounded(path, node)]

    assert unbounded == []


def is_bounded(path: str, node: Mapping[str, Any]) -> bool:
    if node.get("x-kubernetes-int-or-string"):
        return bool(node.get("x-kubernetes-validations"))
    if "additionalProperties" in node:
        return "maxProperties" in node
    match node.get("type"):
        case "string":
            return bool({"maxLength", "enum"} & set(node)) or node.get("format") == "date-time"
        case "integer":
            # What the operator counts has no upper bound; what a person asks for has.
            return "minimum" in node and ("maximum" in node or path.startswith("status"))
        case "array":
            return "maxItems" in node and "x-kubernetes-list-type" in node
    return node.get("type") in {"object", "boolean"}


def test_there_is_no_free_form_field(ours: Mapping[str, Any]) -> None:
    free = [
        path
        for path, node in ours.items()
        if node.get("x-kubernetes-preserve-unknown-fields")
        or (
            node.get("type") == "object"
            and not node.keys() & {"properties", "additionalProperties"}
        )
    ]

    assert free == []


def test_what_may_be_left_out_of_spec_has_a_default_or_a_meaning_without(
    schema: Mapping[str, Any], walk: Walk
) -> None:
    """Left out without a default: an alternative, a pin, an override, a hand on the replicas.

    And of an evaluation what the data decide, or what belongs to one metric or technique; of the
    traffic what is not known, or what belongs to one kind of arrivals.
    """
    spec = schema["properties"]["spec"]
    missing = {
        f"{path}.{name}" if path else name
        for path, node in walk(spec)
        for name, child in node.get("properties", {}).items()
        if name not in node.get("required", ()) and "default" not in child
    }

    assert missing == {
        "model.source.pytorch",
        "model.source.pytorch.digest",
        "model.source.torchExport",
        "model.source.torchExport.digest",
        "model.source.onnx",
        "model.source.onnx.digest",
        "model.source.tensorflow",
        "model.source.tensorflow.digest",
        "evaluation.dataUri",
        "evaluation.dataDigest",
        "evaluation.metric",
        "evaluation.entrypoint",
        "evaluation.labelNames",
        "optimization.pruning",
        "optimization.resources.requests",
        "optimization.resources.requests.cpu",
        "optimization.resources.requests.memory",
        "optimization.resources.limits",
        "optimization.resources.limits.cpu",
        "optimization.resources.limits.memory",
        "serving.resources.requests",
        "serving.resources.limits",
        "serving.traffic.rowsPerSecond",
        "serving.traffic.lengths",
        "serving.traffic.concurrency",
        "serving.traffic.trace",
        "scaling.replicas",
        "store",
        "store.secretName",
    }


def test_every_default_is_valid(ours: Mapping[str, Any]) -> None:
    for node in ours.values():
        if "default" in node:
            jsonschema.validate(node["default"], dict(node))


def test_every_rule_says_what_is_wrong(schema: Mapping[str, Any], walk: Walk) -> None:
    silent = [
        (path, rule["rule"])
        for path, node in walk(schema)
        for rule in node.get("x-kubernetes-validations", ())
        if len(rule.get("message", "")) < 20
    ]

    assert silent == []


def test_floats_are_not_used(ours: Mapping[str, Any]) -> None:
    assert [path for path, node in ours.items() if node.get("type") == "number"] == []


def resolves(schema: Mapping[str, Any], json_path: str) -> bool:
    """Whether a JSONPath of a column or a subresource leads to a field of the schema."""
    node, rest = schema, json_path
    while rest:
        part = _PART.match(rest)
        assert part is not None, json_path
        rest = rest[part.end() :]
        name = part[1]
        if name is None:
            node = node["items"]
            assert part[2] in node["properties"], json_path
        elif node is schema and name == "metadata":
            return True
        elif name not in node.get("properties", {}):
            return False
        else:
            node = node["properties"][name]
    return True


def test_columns_lead_to_fields(version: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    columns = version["additionalPrinterColumns"]
    lost = [column["name"] for column in columns if not resolves(schema, column["jsonPath"])]

    assert lost == []
    assert [item["name"] for item in columns if not item.get("priority")] == [
        "Ready", "Reason", "Artifact", "Metric", "Speedup", "Replicas", "Age",
    ]  # fmt: skip


def test_the_scale_subresource_leads_to_numbers_and_a_selector(
    version: Mapping[str, Any], ours: Mapping[str, Any]
) -> None:
    scale = {name: path.lstrip(".") for name, path in version["subresources"]["scale"].items()}

    assert ours[scale["specReplicasPath"]]["type"] == "integer"
    assert "default" not in ours[scale["specReplicasPath"]]
    assert ours[scale["statusReplicasPath"]]["type"] == "integer"
    assert ours[scale["labelSelectorPath"]]["type"] == "string"
    assert version["subresources"]["status"] == {}


def test_conditions_are_a_list_map_of_metav1_conditions(ours: Mapping[str, Any]) -> None:
    conditions = ours["status.conditions"]

    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {
        "type", "status", "reason", "message", "lastTransitionTime",
    }  # fmt: skip
