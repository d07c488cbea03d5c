"""Which metric, of which output; and outputs that cannot be scored fail every goal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.builder.errors import MODEL_INVALID, UserError
from modelservice_runtime.builder.evaluation.broken import Broken
from modelservice_runtime.builder.evaluation.data import Data, from_arrays
from modelservice_runtime.builder.evaluation.metric import Metric
from modelservice_runtime.builder.evaluation.metrics import metric_for
from modelservice_runtime.contract.requests import (
    ACCURACY,
    COSINE,
    ENTITY_F1,
    ENTRYPOINT,
    MACRO_F1,
    MEAN_ABSOLUTE_ERROR,
    METRICS,
    NEIGHBOUR_AGREEMENT,
    TOP1_AGREEMENT,
    EvaluationRequest,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

ROWS = 40
TAGS = ("O", "B-A", "I-A")
ASKED = EvaluationRequest()
CLASS_NUMBERS = np.arange(ROWS) % 3
TOKEN_CLASSES = np.arange(ROWS * 4).reshape(ROWS, 4) % 3


def model(*outputs: tuple[str, str, tuple[int, ...]]) -> ModelInterface:
    specs = [TensorSpec(name=name, datatype=kind, dims=dims) for name, kind, dims in outputs]
    return ModelInterface(inputs=(), outputs=tuple(specs))


def rows(labels: Any = None) -> Data:
    return from_arrays({"x": np.arange(ROWS)}, labels, given="made")


@pytest.mark.parametrize(
    ("labels", "label_names", "output", "name"),
    [
        (CLASS_NUMBERS, (), ("FP32", (3,)), ACCURACY),
        (CLASS_NUMBERS, TAGS, ("FP32", (3,)), ACCURACY),
        (CLASS_NUMBERS % 2, (), ("FP32", (1,)), ACCURACY),
        (CLASS_NUMBERS, (), ("INT64", ()), ACCURACY),
        (TOKEN_CLASSES, (), ("FP32", (4, 3)), ACCURACY),
        (TOKEN_CLASSES, TAGS, ("FP32", (-1, 3)), ENTITY_F1),
        (np.ones(ROWS), (), ("FP32", ()), MEAN_ABSOLUTE_ERROR),
        (np.ones((ROWS, 3), np.float32), TAGS, ("FP32", (3,)), MEAN_ABSOLUTE_ERROR),
        (None, (), ("FP32", (3,)), TOP1_AGREEMENT),
        (None, (), ("FP16", (2,)), TOP1_AGREEMENT),
        (None, (), ("INT64", (5,)), TOP1_AGREEMENT),
        (None, (), ("FP32", ()), MEAN_ABSOLUTE_ERROR),
        (None, (), ("FP32", (1,)), MEAN_ABSOLUTE_ERROR),
        (None, (), ("FP32", (-1,)), COSINE),
        (None, (), ("FP32", (4, 3)), COSINE),
    ],
)
def test_without_a_name_the_data_and_the_output_decide(
    labels: Any, label_names: tuple[str, ...], output: tuple[str, tuple[int, ...]], name: str
) -> None:
    request = EvaluationRequest(label_names=label_names)
    assert metric_for(request, rows(labels), model(("y", *output))).name == name


TWO = model(("hidden", "FP32", (4, 8)), ("scores", "FP32", (3,)))


def test_the_first_output_is_scored_or_the_one_that_is_named() -> None:
    assert metric_for(ASKED, rows(), TWO).output == "hidden"
    named = metric_for(EvaluationRequest(output="scores"), rows(), TWO)
    assert (named.output, named.name) == ("scores", TOP1_AGREEMENT)


def test_an_output_that_the_model_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(UserError, match=r"spec.evaluation.output: .*'logits'; it has hidden, sco"):
        metric_for(EvaluationRequest(output="logits"), rows(), TWO)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (EvaluationRequest(metric="BLEU"), "'BLEU' is none of Accuracy, MacroF1"),
        (EvaluationRequest(metric=ENTRYPOINT), "spec.evaluation.entrypoint: the metric Entrypoint"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(request_: EvaluationRequest, words: str) -> None:
    with pytest.raises(UserError, match=words):
        metric_for(request_, rows(), TWO)


CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    ACCURACY: (CLASS_NUMBERS, (3,)),
    MACRO_F1: (CLASS_NUMBERS, (3,)),
    ENTITY_F1: (TOKEN_CLASSES, (4, 3)),
    TOP1_AGREEMENT: (None, (3,)),
    NEIGHBOUR_AGREEMENT: (None, (3,)),
    COSINE: (None, (3,)),
    MEAN_ABSOLUTE_ERROR: (None, (3,)),
}


def prepared(name: str) -> tuple[Metric, Data, np.ndarray]:
    labels, dims = CASES[name]
    data = rows(labels)
    request = EvaluationRequest(metric=name, label_names=TAGS)
    source = np.random.default_rng(3).normal(size=(ROWS, *dims)).astype(np.float32)
    return metric_for(request, data, model(("y", "FP32", dims))), data, source


def poisoned(source: np.ndarray, value: float) -> np.ndarray:
    candidate = source.copy()
    candidate[17].flat[0] = value
    return candidate


DAMAGES: dict[str, Any] = {
    "NaN": lambda source: {"y": poisoned(source, np.nan)},
    "Inf": lambda source: {"y": poisoned(source, np.inf)},
    "all NaN": lambda source: {"y": np.full_like(source, np.nan)},
    "missing": lambda _: {"z": np.zeros(3)},
    "fewer rows": lambda source: {"y": source[:-1]},
    "another shape": lambda source: {"y": source[..., :-1]},
    "another type": lambda source: {"y": source.astype(np.float64)},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_outputs_that_cannot_be_scored_fail_every_goal(name: str, damage: str) -> None:
    """One NaN in forty rows would be a small loss; it is none that may be served."""
    metric, data, source = prepared(name)
    found = metric.evidence(data, {"y": source}, DAMAGES[damage](source))
    assert isinstance(found, Broken)
    assert "output 'y'" in found.words
    assert found.samples == ROWS
    assert found.unusable[0] == 0
    assert 1 <= found.unusable[1] <= ROWS
    assert found.source_value == metric.evidence(data, {"y": source}, {"y": source}).source_value
    assert found.more_is_better == metric.more_is_better
    for margin in (-1.0, 0.01, 1.0, 1e9):
        assert found.p_of_drop(margin) == found.p_of_value(-margin) == 1.0
    low, high = found.drop_bounds(0.975)
    assert 0 < low <= high < np.inf
    assert (found.candidate_value < found.source_value) == metric.more_is_better


def test_the_words_say_for_how_many_rows() -> None:
    metric, data, source = prepared(ACCURACY)
    found = metric.evidence(data, {"y": source}, {"y": poisoned(source, np.nan)})
    assert isinstance(found, Broken)
    assert found.words == "output 'y' has NaN or Inf for 1 of 40 rows"


def test_nan_in_an_output_that_is_not_scored_fails_too() -> None:
    data = rows()
    metric = metric_for(EvaluationRequest(output="scores"), data, TWO)
    source = {"hidden": np.zeros((ROWS, 4, 8)), "scores": np.zeros((ROWS, 3))}
    candidate = {**source, "hidden": poisoned(source["hidden"], np.nan)}
    assert isinstance(metric.evidence(data, source, candidate), Broken)
    assert metric.evidence(data, source, source).candidate_value == 1.0


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_source_model_that_gives_nan_is_the_users_fault(name: str, value: float) -> None:
    metric, data, source = prepared(name)
    with pytest.raises(UserError, match="output 'y' has NaN or Inf for 1 of 40 rows") as caught:
        metric.prepare(data, {"y": poisoned(source, value)})
    assert caught.value.reason == MODEL_INVALID


@pytest.mark.parametrize("name", CASES)
def test_the_same_outputs_are_the_same_evidence(name: str) -> None:
    metric, data, source = prepared(name)
    candidate = source + np.float32(0.3) * np.roll(source, 1, axis=0)
    one, other = (metric.evidence(data, {"y": source}, {"y": candidate}) for _ in range(2))
    assert one.source_value == other.source_value
    assert one.candidate_value == other.candidate_value
    assert one.p_of_drop(0.3) == other.p_of_drop(0.3)
    assert one.drop_bounds(0.975) == other.drop_bounds(0.975)


@pytest.mark.parametrize("name", CASES)
def test_the_source_model_beside_itself_has_lost_nothing(name: str) -> None:
    metric, data, source = prepared(name)
    found = metric.evidence(data, {"y": source}, {"y": source.copy()})
    assert found.candidate_value == found.source_value
    assert found.unusable == (0, 0)


def test_every_metric_is_among_the_cases() -> None:
    assert {*CASES, ENTRYPOINT} == set(METRICS)


def test_an_empty_part_has_no_metric() -> None:
    metric, data, source = prepared(COSINE)
    empty = replace(data.take(np.arange(0)), given="nothing")
    with pytest.raises(UserError, match="no rows to compute Cosine on"):
        metric.prepare(empty, {"y": source[:0]})
