"""Whether requests may be padded is asked of the model itself; samples as long as wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.contract.tensors import TensorSpec
from modelservice_runtime.serve.answers import Allowed
from modelservice_runtime.tuner.errors import REQUEST_INVALID, UserError
from modelservice_runtime.tuner.given_rows import rows_of, tensors_of
from modelservice_runtime.tuner.padding import RefusedError, check_lengths, padding_of
from modelservice_runtime.tuner.request_lengths import SampleRows, sample_rows, write_by_length

ALLOWED = Allowed(absolute=1e-3, relative=1e-3, cosine=0.9999)
X = TensorSpec(name="x", datatype="FP32", dims=(-1, 2))
FIXED = TensorSpec(name="fixed", datatype="INT64", dims=(3,))
ROWS = SampleRows(
    inputs={
        "x": np.arange(1, 13, dtype=np.float32).reshape(2, 3, 2),
        "fixed": np.ones((2, 3), np.int64),
    },
    axes={"x": (1,), "fixed": ()},
)
Answers = Mapping[str, np.ndarray]


def sums(inputs: Answers) -> Answers:
    """Zeros behind a row change nothing."""
    return {"y": inputs["x"].sum(axis=1), "double": 2 * inputs["x"]}


def means(inputs: Answers) -> Answers:
    """They change this."""
    return {"y": inputs["x"].mean(axis=1), "double": 2 * inputs["x"]}


def grows(inputs: Answers) -> Answers:
    """Its open axis is not the input's."""
    return {"double": np.concatenate([inputs["x"], inputs["x"]], axis=1)}


OUTPUTS = {"y": (), "double": (1,)}


def test_a_sum_may_be_padded_and_a_mean_may_not() -> None:
    assert padding_of(sums, ROWS, (2, 5), OUTPUTS, ALLOWED).allowed
    found = padding_of(means, ROWS, (2, 5), OUTPUTS, ALLOWED)
    assert not found.allowed
    assert "a row of length 2 padded with zeros to 5 is answered otherwise than alone" in found.why
    assert "output 'y' is wrong in 2 of 2 values" in found.why


def test_answers_that_cannot_be_cut_back_are_not_padded() -> None:
    found = padding_of(grows, ROWS, (2, 5), OUTPUTS, ALLOWED)
    assert not found.allowed
    assert "output 'double' has shape (1, 10, 2) for a length of 5" in found.why


def test_every_length_and_every_row_counts() -> None:
    """A model that is wrong at one of them alone."""

    def odd(inputs: Answers) -> Answers:
        wrong = inputs["x"][:, 3:].sum() == 0 and inputs["x"][0, 0, 0] == 7
        return {"y": inputs["x"].sum(axis=1) + (wrong and inputs["x"].shape[1] == 5)}

    assert not padding_of(odd, ROWS, (2, 3, 5), {"y": ()}, ALLOWED).allowed


def test_a_model_that_refuses_the_longest_with_zeros_behind_is_not_padded() -> None:
    def refuses(inputs: Answers) -> Answers:
        if (inputs["x"] == 0).any():
            raise RefusedError("no zeros")
        return sums(inputs)

    found = padding_of(refuses, ROWS, (2, 5), OUTPUTS, ALLOWED)
    assert (found.allowed, "no zeros" in found.why) == (False, True)


def test_requests_of_one_length_have_nothing_to_be_padded_to() -> None:
    assert not padding_of(sums, ROWS, (5,), OUTPUTS, ALLOWED).allowed


def test_a_length_that_the_model_does_not_take_is_the_user_s_fault() -> None:
    def short(inputs: Answers) -> Answers:
        if inputs["x"].shape[1] > 4:
            raise RefusedError("too long")
        return sums(inputs)

    check_lengths(short, ROWS, (2, 4), "the field")
    with pytest.raises(UserError, match=r"the field: .* of length 5: too long") as caught:
        check_lengths(short, ROWS, (5, 2), "the field")
    assert caught.value.reason == REQUEST_INVALID


def test_samples_are_cut_or_repeated_along_their_open_axes_alone() -> None:
    first = ROWS.inputs["x"][0]
    np.testing.assert_array_equal(ROWS.of(2)["x"][0], first[:2])
    np.testing.assert_array_equal(ROWS.of(5)["x"][0], first[[0, 1, 2, 0, 1]])
    assert ROWS.of(5)["fixed"] is ROWS.inputs["fixed"]


def test_a_model_without_an_open_axis_has_no_lengths() -> None:
    with pytest.raises(UserError, match="the field: no input of the model has an open axis") as got:
        sample_rows({"fixed": ROWS.inputs["fixed"]}, (FIXED,), "the field")
    assert got.value.reason == REQUEST_INVALID
    assert sample_rows(ROWS.inputs, (X, FIXED), "the field").axes == ROWS.axes


def test_there_is_a_file_for_each_length(tmp_path: Path) -> None:
    files = write_by_length(ROWS, (2, 5), tmp_path)
    shapes = {
        length: [entry["x"]["shape"] for entry in json.loads(path.read_text())["data"]]
        for length, path in files.items()
    }
    assert shapes == {2: [[2, 2], [2, 2]], 5: [[5, 2], [5, 2]]}


CONFIG = {
    "input": [
        {"name": "x", "data_type": "TYPE_FP32", "dims": ["-1", "2"]},
        {"name": "fixed", "data_type": "TYPE_INT64", "dims": ["3"]},
    ]
}


def test_without_data_rows_are_made_up() -> None:
    assert tensors_of(CONFIG) == (X, FIXED)
    rows = rows_of((X, FIXED), None)
    assert {name: (array.shape, array.dtype) for name, array in rows.items()} == {
        "x": ((4, 1, 2), np.float32),
        "fixed": ((4, 3), np.int64),
    }
    assert len(np.unique(rows["x"])) == 8


def test_the_user_s_own_rows_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    entries = [
        {"x": {"content": [1, 2, 3, 4], "shape": [2, 2]}, "fixed": [1, 2, 3]},
        {"x": {"content": [1, 2], "shape": [1, 2]}, "fixed": [1, 2, 3]},
        {"x": {"content": [5, 6, 7, 8], "shape": [2, 2]}, "fixed": [4, 5, 6]},
    ]
    path.write_text(json.dumps({"data": entries}))
    rows = rows_of((X, FIXED), path)
    np.testing.assert_array_equal(rows["x"], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    np.testing.assert_array_equal(rows["fixed"], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    "document",
    [None, [], {"data": []}, {"data": [3]}, {"data": [{"x": [1]}]}, {"data": [{"x": ["a"]}]}],
)
def test_data_that_are_no_rows_are_named(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "input.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"--input-data .* has no rows to make longer"):
        rows_of((X, FIXED), path)


def test_inputs_that_are_no_numbers_cannot_be_made_longer() -> None:
    text = TensorSpec(name="text", datatype="STRING", dims=(-1,))
    with pytest.raises(UserError, match=r"--lengths: .*text"):
        rows_of((X, text), None)
