"""What a search among layers is guided by: a score for each row, and rows read a few at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from modelservice_runtime.builder.techniques.base import CannotProduceError
from modelservice_runtime.builder.techniques.calibration_reader import CalibrationReader
from modelservice_runtime.builder.techniques.calibration_rows import open_rows
from modelservice_runtime.builder.techniques.guide import KNOWN, Guide
from modelservice_runtime.contract.requests import ENTRYPOINT, METRICS

SCORES = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 5.0], [1.0, 0.0, 0.0]])
SWAPPED = SCORES[:, ::-1]


def scores(metric: str, actual: np.ndarray, labels: np.ndarray | None = None) -> list[float]:
    guide = Guide(metric=metric, reference=SCORES, labels=labels)
    return [round(float(score), 6) for score in guide.scores(actual, 0)]


def test_every_metric_but_the_users_own_can_guide() -> None:
    assert frozenset(METRICS) - {ENTRYPOINT} == KNOWN
    with pytest.raises(CannotProduceError, match="Entrypoint cannot guide"):
        scores(ENTRYPOINT, SCORES)


@pytest.mark.parametrize("metric", ["Accuracy", "MacroF1", "EntityF1"])
def test_labels_say_what_is_right(metric: str) -> None:
    labels = np.array([0, 1, 2, 1])
    assert scores(metric, SCORES, labels) == [1, 1, 1, 0]
    assert scores(metric, SWAPPED, labels) == [0, 1, 0, 0]
    with pytest.raises(CannotProduceError, match="needs labels"):
        scores(metric, SCORES)


def test_tokens_count_by_their_share_and_padding_not_at_all() -> None:
    reference = np.stack([SCORES[:2], SCORES[2:]])
    labels = np.array([[0, 0], [2, -100]])
    guide = Guide(metric="Accuracy", reference=reference, labels=labels)
    assert guide.scores(reference, 0).tolist() == [0.5, 1.0]
    nothing = Guide(metric="Accuracy", reference=reference, labels=np.full((2, 2), -100))
    assert nothing.scores(reference, 0).tolist() == [1.0, 1.0]


def test_agreement_is_with_the_source_model_of_the_same_rows() -> None:
    assert scores("Top1Agreement", SCORES) == [1, 1, 1, 1]
    assert scores("Top1Agreement", SWAPPED) == [0, 1, 0, 0]
    guide = Guide(metric="Top1Agreement", reference=SCORES)
    assert guide.scores(SCORES[2:], 2).tolist() == [1, 1]
    assert guide.scores(SCORES[2:], 0).tolist() == [0, 0]


def test_a_single_number_is_a_class_above_or_below_what_the_source_model_takes() -> None:
    probabilities = np.array([[0.2], [0.6], [0.4], [0.9]])
    guide = Guide(metric="Top1Agreement", reference=probabilities)
    assert guide.scores(np.array([[0.4], [0.4], [0.1], [0.6]]), 0).tolist() == [1, 0, 1, 1]


def test_cosine_and_distance_are_to_the_source_model() -> None:
    assert scores("Cosine", SCORES * 3) == [1, 1, 1, 1]
    assert scores("Cosine", -SCORES) == [-1, -1, -1, -1]
    assert scores("MeanAbsoluteError", SCORES + 0.5) == [-0.5, -0.5, -0.5, -0.5]
    labels = np.zeros((4, 3))
    assert scores("MeanAbsoluteError", SCORES[:1], labels) == [round(-4 / 3, 6)]


def test_a_neighbour_counts_if_it_is_the_source_models_and_never_the_row_itself() -> None:
    vectors = np.array([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    guide = Guide(metric="NeighbourAgreement", reference=vectors)
    assert guide.scores(vectors, 0).tolist() == [1, 1, 1, 1]
    assert guide.scores(vectors[2:], 2).tolist() == [1, 1]
    assert guide.scores(vectors[::-1], 0).tolist() == [0, 0, 0, 0]


@dataclass(frozen=True, kw_only=True)
class Read:
    """Numbers of rows."""

    rows: int
    most: int
    size: int


@given(st.builds(Read, rows=st.integers(1, 40), most=st.integers(1, 40), size=st.integers(1, 9)))
def test_rows_come_in_batches_each_once_and_no_more_than_asked_for(
    tmp_path_factory: pytest.TempPathFactory, read: Read
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.safetensors"
    array = np.arange(read.rows * 2, dtype=np.float32).reshape(read.rows, 2)
    save_file({"input/x": array, "other": np.zeros(1, np.float32)}, path)
    opened = open_rows(path, ("x",), read.most, "input/")
    wanted = array[: read.most]
    np.testing.assert_array_equal(
        np.concatenate([b["x"] for b in opened.batches(read.size)]), wanted
    )
    reader = CalibrationReader(opened, read.size)
    assert len(reader) == -(-len(wanted) // read.size)
    seen = []
    for number in range(len(reader)):
        reader.set_range(number, number + 1)
        batch = reader.get_next()
        assert batch is not None
        assert 1 <= len(batch["x"]) <= read.size
        seen.append(batch["x"])
        assert reader.get_next() is None
    np.testing.assert_array_equal(np.concatenate(seen), wanted)


def test_a_file_without_the_input_or_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.safetensors"
    save_file({"x": np.zeros((0, 2), np.float32)}, path)
    with pytest.raises(CannotProduceError, match=r"has no rows$"):
        open_rows(path, ("x",), 8)
    with pytest.raises(CannotProduceError, match="no rows for input 'y'"):
        open_rows(path, ("y",), 8)
