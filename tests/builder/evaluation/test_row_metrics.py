"""Cosine, mean absolute error and neighbour agreement beside other people's implementations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error
from sklearn.metrics.pairwise import paired_cosine_distances
from sklearn.neighbors import NearestNeighbors

from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.evaluation import blocks, neighbours
from modelservice_runtime.builder.evaluation.data import from_arrays
from modelservice_runtime.builder.evaluation.metrics import metric_for
from modelservice_runtime.builder.evaluation.row_metrics import cosines
from modelservice_runtime.builder.gate.evidence import Agreement, Evidence, Scores
from modelservice_runtime.contract.requests import (
    COSINE,
    MEAN_ABSOLUTE_ERROR,
    NEIGHBOUR_AGREEMENT,
    EvaluationRequest,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

SEEDS = st.integers(0, 2**32 - 1)
FEWER = settings(max_examples=30)


def evidence(name: str, labels: Any, source: np.ndarray, candidate: np.ndarray) -> Evidence:
    data = from_arrays({"x": np.arange(len(source))}, labels, given="made")
    output = TensorSpec(name="y", datatype="FP32", dims=source.shape[1:])
    metric = metric_for(
        EvaluationRequest(metric=name), data, ModelInterface(inputs=(), outputs=(output,))
    )
    found = metric.evidence(data, {"y": source}, {"y": candidate})
    assert found.more_is_better == metric.more_is_better == (name != MEAN_ABSOLUTE_ERROR)
    return found


def floats(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.normal(size=shape).astype(np.float32)


@FEWER
@given(SEEDS, st.integers(1, 40), st.integers(1, 6))
def test_cosine_is_scikit_learns_row_by_row(seed: int, rows: int, tokens: int) -> None:
    random = np.random.default_rng(seed)
    source, candidate = floats(random, rows, tokens, 5), floats(random, rows, tokens, 5)
    found = evidence(COSINE, None, source, candidate)
    assert isinstance(found, Scores)
    expected = 1 - paired_cosine_distances(source.reshape(rows, -1), candidate.reshape(rows, -1))
    np.testing.assert_allclose(found.candidate, expected, atol=1e-6)
    assert found.source_value == 1.0
    np.testing.assert_allclose(evidence(COSINE, None, source, source).candidate_value, 1.0)


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [
        ([0, 0], [0, 0], 1.0),
        ([0, 0], [1, 0], 0.0),
        ([1, 0], [0, 0], 0.0),
        ([1, 0], [-2, 0], -1.0),
        ([3e38, 3e38], [3e38, 3e38], 1.0),
        ([1e-40, 0], [1e-40, 1e-40], 2**-0.5),
    ],
)
def test_cosines_of_strange_vectors(a: list[float], b: list[float], cosine: float) -> None:
    found = cosines(np.float32([a]), np.float32([b]))
    assert found[0] == pytest.approx(cosine)


@FEWER
@given(SEEDS, st.integers(1, 40), st.sampled_from([(), (1,), (3,)]), st.booleans())
def test_the_mean_absolute_error_is_scikit_learns(
    seed: int,
    rows: int,
    sizes: tuple[int, ...],
    labelled: bool,  # noqa: FBT001 - drawn
) -> None:
    random = np.random.default_rng(seed)
    source, candidate = floats(random, rows, *sizes), floats(random, rows, *sizes)
    wanted = random.normal(size=(rows, *sizes))
    labels = wanted.squeeze(-1) if sizes == (1,) else wanted
    found = evidence(MEAN_ABSOLUTE_ERROR, labels if labelled else None, source, candidate)
    truth = wanted if labelled else source.astype(float)
    for value, array in ((found.source_value, source), (found.candidate_value, candidate)):
        expected = mean_absolute_error(truth.reshape(rows, -1), array.reshape(rows, -1))
        assert value == pytest.approx(expected)
    if not labelled:
        assert found.source_value == 0.0


def test_the_error_of_class_numbers_is_one_of_numbers() -> None:
    found = evidence(
        MEAN_ABSOLUTE_ERROR, np.array([1, 2]), np.float32([1, 2]), np.float32([1.5, 2])
    )
    assert (found.source_value, found.candidate_value) == (0.0, 0.25)


def test_errors_of_the_largest_numbers_are_finite() -> None:
    largest = np.array([np.finfo(np.float64).max / 2])
    found = evidence(MEAN_ABSOLUTE_ERROR, None, largest, -largest)
    assert found.candidate_value == pytest.approx(2 * largest[0])


@FEWER
@given(SEEDS, st.integers(3, 60))
def test_neighbours_are_scikit_learns(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    source = floats(random, rows, 6)
    candidate = source + floats(random, rows, 6) / 2
    found = evidence(NEIGHBOUR_AGREEMENT, None, source, candidate)
    assert isinstance(found, Agreement)
    expected = [
        NearestNeighbors(n_neighbors=1, metric="cosine")
        .fit(array.astype(float))
        .kneighbors(return_distance=False)[:, 0]
        for array in (source, candidate)
    ]
    np.testing.assert_array_equal(found.same, expected[0] == expected[1])


def test_neighbours_do_not_depend_on_how_many_are_searched_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    units = np.random.default_rng(1).normal(size=(50, 4))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    whole = neighbours.nearest(units)
    monkeypatch.setattr(neighbours, "_QUERIES", 7)
    np.testing.assert_array_equal(neighbours.nearest(units), whole)
    assert (whole != np.arange(50)).all()


def test_any_of_several_equally_near_neighbours_is_right() -> None:
    source = np.float32([[1, 0], [1, 0], [1, 0], [0, 1], [0.1, 1]])
    candidate = np.float32([[1, 0.1], [1, -0.1], [1, 0.11], [0, 1], [0.1, 1]])
    found = evidence(NEIGHBOUR_AGREEMENT, None, source, candidate)
    assert found.candidate_value == 1.0
    # The second row has gone over to the last two, whose nearest it is now.
    gone = np.float32([[1, 0], [0, 1], [1, 0.1], [0, 1], [0.1, 1]])
    found = evidence(NEIGHBOUR_AGREEMENT, None, source, gone)
    assert isinstance(found, Agreement)
    assert found.same.tolist() == [True, False, True, False, False]


def test_one_row_proves_nothing_and_fails_nothing() -> None:
    found = evidence(NEIGHBOUR_AGREEMENT, None, np.float32([[1, 2]]), np.float32([[2, 1]]))
    assert (found.samples, found.candidate_value) == (1, 1.0)
    assert found.p_of_drop(0.01) > 0.9


def test_rows_are_scored_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    source, candidate = floats(random, 9, 4), floats(random, 9, 4)
    whole = {
        name: evidence(name, None, source, candidate) for name in (COSINE, MEAN_ABSOLUTE_ERROR)
    }
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    for name, before in whole.items():
        after = evidence(name, None, source, candidate)
        assert after.candidate_value == pytest.approx(before.candidate_value)


@pytest.mark.parametrize(
    ("name", "labels", "shape", "words"),
    [
        (NEIGHBOUR_AGREEMENT, None, (5, 3, 4), r"one vector of floats.* FP32 \[3, 4\]"),
        (NEIGHBOUR_AGREEMENT, None, (5,), r"one vector of floats.* FP32 \[\]"),
        (COSINE, None, (5, 1), "take MeanAbsoluteError"),
        (COSINE, None, (5,), "take MeanAbsoluteError"),
        (MEAN_ABSOLUTE_ERROR, np.zeros((5, 2)), (5, 3), r"'y' has \[3\].* labels have \[2\]"),
        (MEAN_ABSOLUTE_ERROR, np.zeros(5), (5, 3), r"'y' has \[3\].* labels have \[\]"),
        (MEAN_ABSOLUTE_ERROR, np.zeros((5, 3)), (5,), r"'y' has \[\].* labels have \[3\]"),
    ],
)
def test_outputs_and_labels_that_do_not_fit_are_refused(
    name: str, labels: Any, shape: tuple[int, ...], words: str
) -> None:
    output = np.ones(shape, np.float32)
    with pytest.raises(UserError, match=words):
        evidence(name, labels, output, output)
