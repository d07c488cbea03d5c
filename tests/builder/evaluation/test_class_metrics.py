"""Accuracy, macro F1 and top-1 agreement beside scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.evaluation.answers import IGNORED
from modelservice_runtime.builder.evaluation.data import Data, from_arrays
from modelservice_runtime.builder.evaluation.metric import Metric
from modelservice_runtime.builder.evaluation.metrics import metric_for
from modelservice_runtime.builder.gate.evidence import Agreement, Correctness, Evidence, Tallies
from modelservice_runtime.contract.requests import (
    ACCURACY,
    MACRO_F1,
    TOP1_AGREEMENT,
    EvaluationRequest,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

CLASSES = 4
SEEDS = st.integers(0, 2**32 - 1)
#: scikit-learn's checks take milliseconds each.
FEWER = settings(max_examples=30)


def rows_of(labels: Any, rows: int = 0) -> Data:
    count = rows or len(labels)
    return from_arrays({"x": np.arange(count)}, labels, given="made")


def metric(name: str, data: Data, dims: tuple[int, ...], datatype: str = "FP32") -> Metric:
    output = TensorSpec(name="y", datatype=datatype, dims=dims)
    return metric_for(
        EvaluationRequest(metric=name), data, ModelInterface(inputs=(), outputs=(output,))
    )


def evidence(name: str, labels: Any, source: np.ndarray, candidate: np.ndarray) -> Evidence:
    data = rows_of(labels, len(source))
    datatype = {"f": "FP32", "i": "INT64"}[source.dtype.kind]
    found = metric(name, data, source.shape[1:], datatype)
    assert found.name == name
    assert found.more_is_better
    return found.evidence(data, {"y": source}, {"y": candidate})


def scores(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.normal(size=shape).astype(np.float32)


@FEWER
@given(SEEDS, st.integers(1, 60))
def test_accuracy_is_scikit_learns(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, rows)
    source, candidate = scores(random, rows, CLASSES), scores(random, rows, CLASSES)
    found = evidence(ACCURACY, labels, source, candidate)
    assert isinstance(found, Correctness)
    assert found.samples == rows
    assert found.source_value == pytest.approx(accuracy_score(labels, source.argmax(1)))
    assert found.candidate_value == pytest.approx(accuracy_score(labels, candidate.argmax(1)))
    np.testing.assert_array_equal(found.source, labels == source.argmax(1))


@FEWER
@given(SEEDS, st.integers(2, 30), st.integers(1, 9))
def test_accuracy_of_tokens_is_scikit_learns_over_those_that_count(
    seed: int, rows: int, tokens: int
) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, (rows, tokens))
    labels[random.random(labels.shape) < 0.4] = IGNORED
    labels[0, 0] = 1
    source = scores(random, rows, tokens, CLASSES)
    candidate = scores(random, rows, tokens, CLASSES)
    found = evidence(ACCURACY, labels, source, candidate)
    assert isinstance(found, Tallies)
    counted = labels != IGNORED
    assert found.samples == np.count_nonzero(counted.any(axis=1))
    for value, array in ((found.source_value, source), (found.candidate_value, candidate)):
        expected = accuracy_score(labels[counted], array.argmax(-1)[counted])
        assert value == pytest.approx(expected)


@FEWER
@given(SEEDS, st.integers(1, 60))
def test_macro_f1_is_scikit_learns_over_the_classes_of_the_labels(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice(random.permutation(CLASSES)[: random.integers(1, 5)], rows)
    source, candidate = scores(random, rows, CLASSES), scores(random, rows, CLASSES)
    found = evidence(MACRO_F1, labels, source, candidate)
    assert isinstance(found, Tallies)
    for value, array in ((found.source_value, source), (found.candidate_value, candidate)):
        expected = f1_score(
            labels, array.argmax(1), labels=np.unique(labels), average="macro", zero_division=0
        )
        assert value == pytest.approx(expected)


@FEWER
@given(SEEDS, st.integers(2, 20), st.integers(1, 6))
def test_macro_f1_of_tokens_is_scikit_learns(seed: int, rows: int, tokens: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, (rows, tokens))
    labels[random.random(labels.shape) < 0.3] = IGNORED
    labels[0, 0] = 2
    source = scores(random, rows, tokens, CLASSES)
    found = evidence(MACRO_F1, labels, source, source)
    counted = labels != IGNORED
    wanted = labels[counted]
    expected = f1_score(
        wanted,
        source.argmax(-1)[counted],
        labels=np.unique(wanted),
        average="macro",
        zero_division=0,
    )
    assert found.source_value == found.candidate_value == pytest.approx(expected)


def test_macro_f1_needs_no_memory_for_classes_that_the_labels_lack() -> None:
    random = np.random.default_rng(0)
    found = evidence(
        MACRO_F1, np.array([7, 9, 7]), scores(random, 3, 20_000), scores(random, 3, 20_000)
    )
    assert isinstance(found, Tallies)
    assert found.source.shape == (3, 2, 3)


@given(SEEDS, st.integers(1, 60))
def test_top1_agreement_is_the_share_of_equal_answers(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    source = scores(random, rows, CLASSES)
    candidate = source + scores(random, rows, CLASSES) / 2
    found = evidence(TOP1_AGREEMENT, None, source, candidate)
    assert isinstance(found, Agreement)
    assert found.source_value == 1.0
    equal = accuracy_score(source.argmax(1), candidate.argmax(1))
    assert found.candidate_value == pytest.approx(equal)


@given(SEEDS, st.booleans())
def test_top1_agreement_of_tokens_counts_those_that_the_labels_do(
    seed: int,
    labelled: bool,  # noqa: FBT001 - drawn
) -> None:
    random = np.random.default_rng(seed)
    source, candidate = scores(random, 12, 5, CLASSES), scores(random, 12, 5, CLASSES)
    labels = np.where(random.random((12, 5)) < 0.5, IGNORED, 0)
    labels[0, 0] = 0
    found = evidence(TOP1_AGREEMENT, labels if labelled else None, source, candidate)
    counted = labels != IGNORED if labelled else np.ones((12, 5), bool)
    assert found.source_value == 1.0
    same = (source.argmax(-1) == candidate.argmax(-1))[counted]
    assert found.candidate_value == pytest.approx(same.mean())


@pytest.mark.parametrize("shape", [(6,), (6, 1)], ids=str)
@pytest.mark.parametrize(
    ("source", "answers"),
    [
        ([0.1, 0.49, 0.5, 0.51, 0.9, 1.0], [0, 0, 0, 1, 1, 1]),
        ([-0.1, 0.49, 0.5, 0.51, 0.9, 1.0], [0, 1, 1, 1, 1, 1]),
        ([-3, -0.2, 0, 0.2, 0.4, 2.5], [0, 0, 0, 1, 1, 1]),
    ],
    ids=["probabilities", "one below zero: logits", "logits"],
)
def test_one_number_is_a_class_by_the_threshold(
    shape: tuple[int, ...], source: list[float], answers: list[int]
) -> None:
    array = np.float32(source).reshape(shape)
    found = evidence(ACCURACY, np.array(answers), array, array)
    assert found.source_value == 1.0
    turned = evidence(ACCURACY, 1 - np.array(answers), array, array)
    assert turned.source_value == 0.0


def test_the_threshold_is_the_source_models_for_the_candidate_too() -> None:
    """A candidate whose logits happen to lie between 0 and 1 gives logits all the same."""
    source, candidate = np.float32([-2, 0.4, 3]), np.float32([0.2, 0.4, 0.6])
    found = evidence(ACCURACY, np.array([0, 1, 1]), source, candidate)
    assert found.candidate_value == pytest.approx(2 / 3)


@pytest.mark.parametrize("shape", [(3,), (3, 1)], ids=str)
def test_a_model_may_answer_in_class_numbers(shape: tuple[int, ...]) -> None:
    source, candidate = np.array([4, 0, 7]).reshape(shape), np.array([4, -1, 9]).reshape(shape)
    labels = np.array([4, 1, 7])
    found = evidence(ACCURACY, labels, source, candidate)
    assert found.source_value == pytest.approx(2 / 3)
    assert found.candidate_value == pytest.approx(1 / 3)
    macro = evidence(MACRO_F1, labels, source, candidate)
    assert macro.source_value == pytest.approx(2 / 3)
    assert macro.candidate_value == pytest.approx(1 / 3)


WRONG_LABELS: list[tuple[str, Any, tuple[int, ...], str]] = [
    ("none", None, (4,), "needs labels; give spec.evaluation.dataUri"),
    ("floats", np.zeros(5), (4,), "they are float64; for numbers to predict take MeanAbsolute"),
    ("beyond", np.array([0, 1, 4, 2, 3]), (4,), r"label 4 is no class.* has 4 \(0 … 3\)"),
    ("negative", np.array([0, 1, -1, 2, 3]), (4,), "label -1 is no class"),
    ("ignored", np.array([0, 1, IGNORED, 2, 3]), (4,), "label -100 is no class"),
    ("beyond two", np.array([0, 1, 2, 1, 1]), (1,), r"has 2 \(0 … 1\)"),
    ("tokens for rows", np.zeros((5, 3), int), (4,), r"shape \[\] for each row.* have \[3\]"),
    ("rows for tokens", np.zeros(5, int), (6, 4), r"shape \[6\] for each row.* have \[\]"),
    ("too few tokens", np.zeros((5, 3), int), (6, 4), r"shape \[6\].* have \[3\]"),
    ("negative token", np.full((5, 6), -1), (6, 4), "label -1 is no class"),
]


@pytest.mark.parametrize("name", [ACCURACY, MACRO_F1])
@pytest.mark.parametrize(
    ("labels", "dims", "words"), [w[1:] for w in WRONG_LABELS], ids=[w[0] for w in WRONG_LABELS]
)
def test_labels_that_do_not_fit_are_refused_before_and_after_a_run(
    name: str, labels: Any, dims: tuple[int, ...], words: str
) -> None:
    """By the declared sizes where there are some, else by what the source model gives."""
    data = rows_of(labels, 5)
    with pytest.raises(UserError, match=words):
        metric(name, data, dims)
    output = np.zeros((5, *dims), np.float32)
    fitting = rows_of(np.zeros((5, *dims[:-1]), int))
    unchecked = metric(name, fitting, dims)
    with pytest.raises(UserError, match=words):
        unchecked.evidence(data, {"y": output}, {"y": output})


@pytest.mark.parametrize("dims", [(-1,), (-1, -1)], ids=str)
def test_open_sizes_are_checked_when_the_source_model_has_answered(dims: tuple[int, ...]) -> None:
    labels = np.full((3, 6)[: len(dims)], 4)
    data = rows_of(labels)
    open_ = metric(ACCURACY, data, dims)
    output = np.zeros((*labels.shape, 4), np.float32)
    with pytest.raises(UserError, match="label 4 is no class"):
        open_.prepare(data, {"y": output})


@pytest.mark.parametrize("name", [ACCURACY, MACRO_F1, TOP1_AGREEMENT])
def test_a_part_may_be_without_labels_that_count_but_not_all_data(name: str) -> None:
    """A small selection part must not take the build down."""
    nothing = rows_of(np.full((5, 6), IGNORED))
    output = np.ones((5, 6, 4), np.float32)
    if name != TOP1_AGREEMENT:
        with pytest.raises(UserError, match="all labels are -100"):
            metric(name, nothing, (6, 4))
    found = metric(name, rows_of(np.zeros((5, 6), int)), (6, 4))
    seen = found.evidence(nothing, {"y": output}, {"y": -output})
    assert (seen.samples, seen.source_value, seen.candidate_value) == (0, 0.0, 0.0)


@pytest.mark.parametrize("name", [ACCURACY, MACRO_F1, TOP1_AGREEMENT])
def test_rows_without_labels_that_count_are_no_samples(name: str) -> None:
    """A thousand of them would else prove that nothing is lost."""
    labels = np.full((1000, 2), IGNORED)
    labels[7] = [0, 1]
    output = np.zeros((1000, 2, 4), np.float32)
    found = evidence(name, labels, output, output)
    assert found.samples == 1
    assert found.p_of_drop(0.01) == 1.0
