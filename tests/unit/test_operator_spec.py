"""Parsing the spec: what is wrong is named by its field."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import operator_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api import names
from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.spec import parse_spec
from modelservice_operator.settings import Settings
from modelservice_runtime.contract.fields import SpecError

RUNTIME = json.loads(samples.SETTINGS_JSON)["runtimes"][0]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The minimal spec with one field set (None removes it)."""
    document = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    *folders, last = path.split(".")
    here = document
    for folder in folders:
        here = here.setdefault(folder, {})
    if value is None:
        del here[last]
    else:
        here[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("model.source.onnx", {"uri": "pvc://a/b"}, "spec.model.source"),
        ("model.source.pytorch", None, "spec.model.source"),
        ("model.source.pytorch.uri", None, "spec.model.source.pytorch.uri"),
        ("model.source.pytorch.entrypoint", None, "spec.model.source.pytorch.entrypoint"),
        ("serving.latencyObjective", None, "spec.serving.latencyObjective.milliseconds"),
        (
            "serving.latencyObjective.percentile",
            "100",
            "spec.serving.latencyObjective.percentile",
        ),
        ("serving.latencyObjective.milliseconds", 0, "spec.serving.latencyObjective.milliseconds"),
        ("serving.latencyObjective.percentile", "much", "spec.serving.latencyObjective.percentile"),
        ("serving.maxBatchSize", "8", "spec.serving.maxBatchSize"),
        ("serving.maxBatchSize", True, "spec.serving.maxBatchSize"),
        (
            "serving.resources",
            {"limits": {"memory": "2 GB"}},
            "spec.serving.resources.limits.memory",
        ),
        ("scaling", {"minReplicas": 3, "maxReplicas": 2}, "spec.scaling.minReplicas"),
        ("scaling", {"mode": "Sometimes"}, "spec.scaling.mode"),
        ("scaling", [], "spec.scaling"),
        ("suspend", "yes", "spec.suspend"),
        ("store", {}, "spec.store.uri"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(path: str, value: Any, field: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(path, value))
    assert caught.value.field == field


def test_defaults_are_those_of_the_schema() -> None:
    spec = parse_spec(samples.MINIMAL_SPEC)
    assert (spec.scaling.min_replicas, spec.scaling.max_replicas) == (1, 4)
    assert spec.serving.max_batch_size == 16
    assert spec.serving.objective.percentile == 99.0
    assert spec.scaling.replicas is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", "0.5"), ("2Gi", str(2**31)), ("1e3", "1000"), ("1E", str(10**18)), (2, "2")],
)
def test_quantities_are_numbers(text: str | int, number: str) -> None:
    assert parse_quantity(text, "f") == Decimal(number)


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_an_error_that_names_the_field(text: str) -> None:
    outcome: Decimal | SpecError
    try:
        outcome = parse_quantity(text, "spec.x")
    except SpecError as error:
        outcome = error
    assert outcome.field == "spec.x" if isinstance(outcome, SpecError) else outcome >= 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(
                    ["model", "source", "pytorch", "onnx", "uri", "serving", "scaling"]
                ),
                inner,
                max_size=3,
            )
            | st.lists(inner, max_size=2)
        ),
        max_leaves=8,
    )
)
def test_nonsense_never_crashes_the_parser(document: Any) -> None:
    if not isinstance(document, dict):
        return
    with pytest.raises(SpecError):
        parse_spec(document)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"runtimes": []}, "settings.runtimes"),
        ({"builderImage": None}, "settings.builderImage"),
        ({"store": {}}, "settings.store.uri"),
        ({"imagePullPolicy": "Perhaps"}, "settings.imagePullPolicy"),
        ({"kerasBuilderImage": None}, "settings.kerasBuilderImage"),
        ({"balancer": {"gpus": {"nvidia.com/gpu": -1}}}, "settings.balancer.gpus.nvidia.com/gpu"),
        ({"runtimes": [{**RUNTIME, "engines": ["warp"]}]}, "settings.runtimes[0].engines[0]"),
        ({"runtimes": [{**RUNTIME, "engines": ["openvino"]}]}, "settings.runtimes[0].engines"),
        (
            {"runtimes": [{**RUNTIME, "engines": ["onnxruntime", "tensorrt"]}]},
            "settings.runtimes[0].engines",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_named(change: dict[str, Any], field: str) -> None:
    document = json.loads(samples.SETTINGS_JSON) | change
    with pytest.raises(SpecError) as caught:
        Settings.from_json(json.dumps(document))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("runtime", "engines"),
    [
        ({"backend": "python"}, ("onnxruntime", "openvino")),
        ({"backend": "onnxruntime"}, ("onnxruntime",)),
        ({"backend": "python", "engines": []}, ("onnxruntime", "openvino")),
        ({"backend": "python", "engines": ["aoti", "onnxruntime"]}, ("onnxruntime", "aoti")),
        (
            {"backend": "onnxruntime", "engines": ["onnxruntime", "tensorrt"]},
            ("onnxruntime", "tensorrt"),
        ),
    ],
    ids=str,
)
def test_a_runtime_runs_what_it_says_or_what_its_backend_surely_can(
    runtime: dict[str, Any], engines: tuple[str, ...]
) -> None:
    document = json.loads(samples.SETTINGS_JSON) | {"runtimes": [RUNTIME | runtime]}
    assert Settings.from_json(json.dumps(document)).runtimes["triton"].engines == engines


def test_settings_that_are_no_json_say_so() -> None:
    with pytest.raises(SpecError, match="not JSON"):
        Settings.from_json("{")


@pytest.mark.parametrize("kind", [names.BUILD, names.TUNE])
def test_names_of_children_fit_for_the_longest_service_name(kind: str) -> None:
    """A name is at most 63 characters: the service's own at most 40.

    A pod of an Indexed Job gets a host name: the Job's, a dash and its index, of 32 at most.
    """
    name, key = "s" * 40, "f" * 64
    assert len(f"{names.job(name, kind, key, 999)}-31") <= 63
    assert len(names.result(name, kind, key)) <= 63
    assert len(names.serving_config(name, key)) <= 63


def test_finalizer_and_prefix_are_kept_for_ever() -> None:
    """Changing either later would make every object look new, or hang its deletion."""
    assert names.PREFIX == "modelservice.dev"
    assert names.FINALIZER == "modelservice.dev/operator"
