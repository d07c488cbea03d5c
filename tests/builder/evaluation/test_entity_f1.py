"""Entity F1 beside seqeval's own, from the same tags."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.evaluation.answers import IGNORED
from modelservice_runtime.builder.evaluation.data import from_arrays
from modelservice_runtime.builder.evaluation.metrics import metric_for
from modelservice_runtime.builder.gate.evidence import Tallies
from modelservice_runtime.contract.requests import ENTITY_F1, EvaluationRequest
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "S-LOC", "E-PER")
TOKENS = 8


def score(
    labels: Any,
    source: np.ndarray,
    candidate: np.ndarray,
    *,
    names: tuple[str, ...] = NAMES,
    dims: tuple[int, ...] = (-1, len(NAMES)),
    datatype: str = "FP32",
) -> Tallies:
    data = from_arrays({"x": np.arange(len(source))}, labels, given="made")
    output = TensorSpec(name="tags", datatype=datatype, dims=dims)
    metric = metric_for(
        EvaluationRequest(metric=ENTITY_F1, label_names=names),
        data,
        ModelInterface(inputs=(), outputs=(output,)),
    )
    found = metric.evidence(data, {"tags": source}, {"tags": candidate})
    assert isinstance(found, Tallies)
    return found


def one_hot(numbers: np.ndarray) -> np.ndarray:
    return np.eye(len(NAMES), dtype=np.float32)[numbers]


def tags(numbers: np.ndarray, labels: np.ndarray) -> list[list[str]]:
    """The tags of the tokens that count, sentence by sentence."""
    rows = zip(numbers, labels, strict=True)
    return [[NAMES[n] for n, label in zip(*row, strict=True) if label != IGNORED] for row in rows]


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_the_value_is_seqevals(seed: int, sentences: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(NAMES), (sentences, TOKENS))
    labels[random.random(labels.shape) < 0.2] = IGNORED
    labels[0, 0] = 1
    # Right in most places, so that there are entities to find.
    answers = [
        np.where(random.random(labels.shape) < 0.3, random.integers(0, 7, labels.shape), labels)
        for _ in range(2)
    ]
    answers = [np.where(answer == IGNORED, 3, answer) for answer in answers]
    found = score(labels, *(one_hot(answer) for answer in answers))
    assert found.samples == sentences
    for value, answer in zip((found.source_value, found.candidate_value), answers, strict=True):
        expected = f1_score(tags(labels, labels), tags(answer, labels), zero_division=0)
        assert value == pytest.approx(float(expected))


def test_an_entity_counts_if_type_and_both_ends_are_right() -> None:
    labels = np.array([[1, 2, 0, 3, 4, 0, 0, 0]])
    shorter = np.array([[1, 0, 0, 3, 4, 0, 0, 0]])
    other_type = np.array([[3, 4, 0, 3, 4, 0, 1, 0]])
    found = score(labels, one_hot(shorter), one_hot(other_type))
    assert found.source[0, 0].tolist() == [1, 1, 1]
    assert found.candidate[0, 0].tolist() == [1, 2, 1]


def test_an_entity_does_not_reach_into_the_next_sentence() -> None:
    labels = np.array([[0, 1], [2, 0]])
    found = score(labels, one_hot(labels), one_hot(np.array([[0, 1], [0, 0]])))
    assert found.source[:, 0].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert found.candidate[:, 0].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_a_model_may_answer_in_class_numbers_and_one_without_a_name_is_outside() -> None:
    labels = np.array([[1, 2, 0], [3, 0, 0]])
    strange = np.array([[1, 2, 99], [-7, 0, 0]])
    found = score(labels, labels, strange, dims=(-1,), datatype="INT64")
    assert found.source_value == 1.0
    assert found.candidate[:, 0].tolist() == [[1, 0, 0], [0, 0, 1]]


FITTING = np.array([[1, 2, 0], [0, 0, 3]])


@pytest.mark.parametrize(
    ("labels", "names", "dims", "words"),
    [
        (FITTING, (), (-1, 7), "spec.evaluation.labelNames: EntityF1 needs the names"),
        (FITTING, NAMES[:5], (-1, 7), "5 names are given, output 'tags' has 7 classes"),
        (FITTING, ("O", "PER", *NAMES[2:]), (-1, 7), "'PER' is neither O nor a tag"),
        (FITTING, ("O", "B-", *NAMES[2:]), (-1, 7), "'B-' is neither O nor a tag"),
        (FITTING, ("O", "U-PER", *NAMES[2:]), (-1, 7), "'U-PER' is neither O nor a tag"),
        (np.zeros((2, 3), int), NAMES, (-1, 7), "the labels hold no entity"),
        (np.full((2, 3), 7), NAMES, (-1, 7), "label 7 is no class"),
        (np.array([1, 2]), NAMES, (7,), "EntityF1 needs a label for each token"),
        (np.array([1, 2]), NAMES, (-1, 7), r"shape \[any\] for each row"),
        (FITTING * 1.0, NAMES, (-1, 7), "they are float64"),
        (None, NAMES, (-1, 7), "EntityF1 needs labels"),
    ],
)
def test_what_does_not_fit_is_refused(
    labels: Any, names: tuple[str, ...], dims: tuple[int, ...], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        score(labels, one_hot(FITTING), one_hot(FITTING), names=names, dims=dims)


def test_a_class_number_without_a_name_is_refused_for_labels() -> None:
    with pytest.raises(UserError, match="label 9 has no name, there are 7"):
        score(
            np.array([[1, 9]]), np.array([[1, 2]]), np.array([[1, 2]]), dims=(-1,), datatype="INT64"
        )


def test_a_part_may_be_without_entities() -> None:
    """A small selection part must not take the build down."""
    output = TensorSpec(name="tags", datatype="FP32", dims=(-1, len(NAMES)))
    data = from_arrays({"x": np.arange(2)}, FITTING, given="made")
    metric = metric_for(
        EvaluationRequest(metric=ENTITY_F1, label_names=NAMES),
        data,
        ModelInterface(inputs=(), outputs=(output,)),
    )
    part = from_arrays({"x": np.arange(2)}, np.array([[0, 0], [0, IGNORED]]), given="made")
    found = metric.evidence(
        part, {"tags": one_hot(np.zeros((2, 2), int))}, {"tags": one_hot(np.ones((2, 2), int))}
    )
    assert (found.samples, found.source_value, found.candidate_value) == (0, 0.0, 0.0)
