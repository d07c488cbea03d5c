"""What a ModelService says about its build: one parser for the operator and for the command."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract import requests as r
from modelservice_runtime.contract.build_spec import (
    BuildSpec,
    build_request,
    deciding_words,
    parse_build_spec,
)
from modelservice_runtime.contract.codec import digest_of, dumps, loads
from modelservice_runtime.contract.fields import Fields, SpecError

PYTORCH = {"pytorch": {"uri": "pvc://models/a", "entrypoint": "model:load"}}
ONNX = {"onnx": {"uri": "pvc://models/a.onnx"}}
#: A service whose evaluation and optimization use every field, as far as they go together.
FULL: Mapping[str, Any] = {
    "model": {"source": PYTORCH, "revision": "7"},
    "evaluation": {
        "dataUri": "s3://data/a.parquet",
        "dataDigest": "sha256:" + "a" * 64,
        "metric": "EntityF1",
        "output": "logits",
        "labelNames": ["O", "B-PER", "I-PER"],
        "goals": [
            {"type": "MaxDegradationPercent", "value": "1"},
            {"type": "Threshold", "value": "0.9"},
        ],
        "confidence": "0.95",
    },
    "optimization": {
        "techniques": ["Prune", "Quantize"],
        "minSpeedup": "1.5",
        "parallelism": 4,
        "pruning": {"trainingEntrypoint": "model:train", "ratios": ["0.75", "0.5"]},
        "maxDurationSeconds": 600,
    },
    "serving": {"maxBatchSize": 8},
}


def parse(source: Mapping[str, Any] = ONNX, **parts: Any) -> BuildSpec:
    """A service of this source with these parts of its spec."""
    return parse_build_spec({"model": {"source": source}, **parts})


def test_everything_that_is_said_is_understood() -> None:
    spec = parse_build_spec(FULL, strict=True)
    assert spec.evaluation == r.EvaluationRequest(
        data_uri="s3://data/a.parquet",
        data_digest="sha256:" + "a" * 64,
        metric=r.ENTITY_F1,
        output="logits",
        label_names=("O", "B-PER", "I-PER"),
        goals=(
            r.Goal(kind=r.THRESHOLD, value=0.9),
            r.Goal(kind=r.MAX_DEGRADATION_PERCENT, value=1.0),
        ),
        confidence=0.95,
    )
    assert spec.optimization == r.OptimizationRequest(
        techniques=(r.QUANTIZE, r.PRUNE),
        min_speedup=1.5,
        parallelism=4,
        pruning=r.PruningRequest(training_entrypoint="model:train", ratios=(0.5, 0.75)),
    )
    assert (spec.revision, spec.duration_seconds, spec.max_batch_size) == ("7", 600, 8)


def test_what_is_left_out_is_what_the_contract_says() -> None:
    spec = parse()
    assert spec.parity == r.ParityTolerance()
    assert spec.evaluation == r.EvaluationRequest()
    assert spec.optimization == r.OptimizationRequest()


@pytest.mark.parametrize("kind", r.SOURCE_KINDS)
def test_every_kind_of_source_is_known(kind: str) -> None:
    given_fields = {"uri": "s3://b/a", "entrypoint": "model:load", "digest": "sha256:1"}
    if kind != r.PYTORCH:
        del given_fields["entrypoint"]
    source = parse({kind: given_fields}).source
    assert (source.kind, source.uri, source.digest) == (kind, "s3://b/a", "sha256:1")


def test_an_empty_list_of_techniques_is_no_technique_and_not_the_default() -> None:
    assert parse(optimization={"techniques": []}).optimization.techniques == ()


EVALUATION = "spec.evaluation"
OPTIMIZATION = "spec.optimization"


@pytest.mark.parametrize(
    ("evaluation", "field", "words"),
    [
        ({"metric": "Entrypoint"}, "entrypoint", "needs it"),
        ({"entrypoint": "a:b"}, "entrypoint", "the metric Entrypoint alone"),
        ({"metric": "EntityF1", "dataUri": "s3://b/a"}, "labelNames", "needs it"),
        ({"metric": "Cosine", "labelNames": ["O"]}, "labelNames", "the metric EntityF1 alone"),
        ({"labelNames": "O"}, "labelNames", "a list"),
        ({"labelNames": ["O", 1]}, "labelNames[1]", "a string"),
        ({"metric": "Accuracy"}, "dataUri", "labels"),
        ({"metric": "MacroF1"}, "dataUri", "labels"),
        ({"dataDigest": "sha256:1"}, "dataDigest", "dataUri is not given"),
        ({"metric": "accuracy"}, "metric", "Accuracy"),
        ({"goals": []}, "goals", "at least one"),
        ({"goals": {}}, "goals", "a list"),
        ({"goals": ["0.01"]}, "goals[0]", "an object"),
        ({"goals": [{"value": "1"}]}, "goals[0].type", "required"),
        ({"goals": [{"type": "Threshold"}]}, "goals[0].value", "required"),
        ({"goals": [{"type": "Best", "value": "1"}]}, "goals[0].type", "MaxDegradation"),
        ({"goals": [{"type": "MaxDegradation", "value": "-1"}]}, "goals[0].value", "between 0"),
        (
            {"goals": [{"type": "MaxDegradationPercent", "value": "101"}]},
            "goals[0].value",
            "between 0 and 100",
        ),
        (
            {"metric": "Cosine", "goals": [{"type": "Threshold", "value": "98"}]},
            "goals[0].value",
            "and 1",
        ),
        (
            {"metric": "Top1Agreement", "goals": [{"type": "MinImprovement", "value": "0.1"}]},
            "goals[0].type",
            "nothing improves",
        ),
        ({"goals": [{"type": "Threshold", "value": "0.9"}] * 2}, "goals[1].type", "two goals"),
        ({"confidence": "1"}, "confidence", "between 0.8 and 0.999"),
        ({"confidence": "nan"}, "confidence", "between"),
        ({"confidence": "sNaN"}, "confidence", "a decimal number"),
        ({"parity": {"minimumCosine": "2"}}, "parity.minimumCosine", "between 0 and 1"),
    ],
)
def test_an_evaluation_that_makes_no_sense_is_refused_by_its_field(
    evaluation: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse(evaluation=evaluation)
    assert caught.value.field == f"{EVALUATION}.{field}"
    assert words in caught.value.message


PRUNING = {"trainingEntrypoint": "a:b"}


@pytest.mark.parametrize(
    ("source", "optimization", "field", "words"),
    [
        (PYTORCH, {"techniques": ["Prune"]}, "pruning", "needs it"),
        (ONNX, {"techniques": ["Prune"], "pruning": PRUNING}, "techniques", "pytorch"),
        (PYTORCH, {"pruning": PRUNING}, "pruning", "does nothing"),
        (
            PYTORCH,
            {"techniques": ["Prune"], "pruning": {}},
            "pruning.trainingEntrypoint",
            "required",
        ),
        (
            PYTORCH,
            {"techniques": ["Prune"], "pruning": {**PRUNING, "ratios": ["0.5", "1"]}},
            "pruning.ratios[1]",
            "between 0.01 and 0.99",
        ),
        (ONNX, {"techniques": ["Fuse", "Magic"]}, "techniques[1]", "Quantize"),
        (ONNX, {"techniques": "Fuse"}, "techniques", "a list"),
        (ONNX, {"techniques": [1]}, "techniques[0]", "a string"),
        (ONNX, {"minSpeedup": "fast"}, "minSpeedup", "a decimal number"),
        (ONNX, {"minSpeedup": "101"}, "minSpeedup", "between 0 and 100"),
        (ONNX, {"parallelism": 33}, "parallelism", "between 1 and 32"),
        (ONNX, {"maxDurationSeconds": 5}, "maxDurationSeconds", "between 60"),
    ],
)
def test_an_optimization_that_makes_no_sense_is_refused_by_its_field(
    source: dict[str, Any], optimization: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse(source, optimization=optimization)
    assert caught.value.field == f"{OPTIMIZATION}.{field}"
    assert words in caught.value.message


@pytest.mark.parametrize(
    "where",
    [
        ("model",),
        ("model", "source"),
        ("model", "source", "pytorch"),
        ("evaluation",),
        ("evaluation", "goals", 0),
        ("evaluation", "parity"),
        ("optimization",),
        ("optimization", "pruning"),
    ],
    ids=lambda where: ".".join(map(str, where)),
)
def test_a_document_that_no_api_server_saw_may_hold_no_unknown_field(
    where: tuple[str | int, ...],
) -> None:
    """``goal:`` instead of ``goals:`` would else be built without the goal that was meant."""
    document = copy.deepcopy(dict(FULL))
    document["evaluation"]["parity"] = {}
    node: Any = document
    for part in where:
        node = node[part]
    node["goal"] = "x"
    path = "spec" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in where)
    parse_build_spec(document)
    with pytest.raises(SpecError) as caught:
        parse_build_spec(document, strict=True)
    assert caught.value.field == f"{path}.goal"


def test_the_command_may_give_the_document_itself_and_is_told_of_unknown_fields() -> None:
    words = {"namespace": "n", "name": "a", "build_key": "k", "store_uri": "", "artifact_uri": ""}
    given_spec = {"model": {"source": ONNX}, "evaluation": {"goal": []}}
    with pytest.raises(SpecError, match=r"^spec\.evaluation\.goal: unknown field"):
        build_request(given_spec, attempt=1, engines=(), **words)
    del given_spec["evaluation"]
    request = build_request(given_spec, attempt=1, engines=(), **words)
    assert request.source.uri == "pvc://models/a.onnx"


def test_the_request_carries_the_whole_of_it_and_survives_its_json() -> None:
    spec = parse_build_spec(FULL)
    request = build_request(
        spec,
        namespace="demo",
        name="a",
        build_key="k",
        attempt=2,
        store_uri="s3://store",
        artifact_uri="s3://store/demo/a/k/2",
        engines=["onnxruntime", "openvino"],
    )
    assert loads(r.BuildRequest, dumps(request)) == request
    assert (request.source, request.parity) == (spec.source, spec.parity)
    assert (request.evaluation, request.optimization) == (spec.evaluation, spec.optimization)
    assert (request.max_batch_size, request.duration_seconds) == (8, 600)
    assert request.engines == ("onnxruntime", "openvino")


def key(spec: BuildSpec) -> str:
    return digest_of(deciding_words(spec, ["onnxruntime"]))


def test_the_order_in_which_techniques_and_goals_are_written_decides_nothing() -> None:
    turned = copy.deepcopy(dict(FULL))
    for part, name in (("evaluation", "goals"), ("optimization", "techniques")):
        turned[part][name].reverse()
    turned["optimization"]["pruning"]["ratios"].reverse()
    assert key(parse_build_spec(turned)) == key(parse_build_spec(FULL))


_WORDS = st.sampled_from(
    [
        *FULL["evaluation"], *FULL["optimization"], "uri", "entrypoint", "type", "value", "parity",
        "trainingEntrypoint", "ratios",
    ]
)  # fmt: skip
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([*r.METRICS, *r.GOAL_KINDS, *r.TECHNIQUES, "0.5", "1e999", "-0", "sNaN"])
)


@given(
    parts=st.dictionaries(
        st.sampled_from(["evaluation", "optimization"]),
        st.recursive(
            _LEAVES,
            lambda inner: st.dictionaries(_WORDS, inner, max_size=4) | st.lists(inner, max_size=3),
            max_leaves=12,
        ),
    ),
    strict=st.booleans(),
)
def test_any_document_is_understood_or_refused_by_a_field_of_its_own(
    parts: dict[str, Any], *, strict: bool
) -> None:
    try:
        spec = parse_build_spec({"model": {"source": PYTORCH}, **parts}, strict=strict)
    except SpecError as error:
        assert error.field.startswith(("spec.evaluation", "spec.optimization"))  # noqa: PT017
        return
    assert spec.evaluation.goals
    assert 0.8 <= spec.evaluation.confidence <= 0.999
    assert (r.PRUNE in spec.optimization.techniques) == (spec.optimization.pruning is not None)
    json.loads(dumps(deciding_words(spec, ())))


@given(st.text(max_size=8) | st.floats() | st.integers())
def test_a_decimal_is_within_its_bounds_or_an_error(value: object) -> None:
    try:
        found = Fields("f", {"x": value}).decimal("x", low=-2, high=2)
    except SpecError as error:
        assert error.field == "f.x"  # noqa: PT017
        return
    assert -2 <= found <= 2
