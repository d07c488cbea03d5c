"""The runner's padding: every request as long as the longest, every answer as long as its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.model_config import PAD_REQUESTS
from modelservice_runtime.serve.runner import padding
from modelservice_runtime.serve.runner.served import read_served

AXES = {"ids": (1,), "pairs": (1, 2), "fixed": ()}


def request(length: int, rows: int = 1) -> dict[str, np.ndarray]:
    """Its open axes have this size."""
    return {
        "ids": np.ones((rows, length), np.int64),
        "pairs": np.ones((rows, length, length, 2), np.float32),
        "fixed": np.ones((rows, 3), np.float32),
    }


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3))
def test_what_is_padded_and_cut_back_is_what_it_was(length: int, more: int, rows: int) -> None:
    given_ = request(length, rows)
    longest = length + more
    wide = padding.widened(given_, AXES, longest)
    assert {name: array.shape for name, array in wide.items()} == {
        name: array.shape for name, array in request(longest, rows).items()
    }
    assert all(wide[name].sum() == array.sum() for name, array in given_.items())
    assert [array.dtype for array in wide.values()] == [a.dtype for a in given_.values()]
    back = padding.cut(wide, AXES, longest, length)
    for name, array in given_.items():
        np.testing.assert_array_equal(back[name], array)


def test_a_request_as_long_as_the_longest_is_not_copied() -> None:
    given_ = request(4)
    wide = padding.widened(given_, AXES, 4)
    assert all(wide[name] is array for name, array in given_.items())


def test_a_request_has_a_length_where_its_open_axes_are_of_one_size() -> None:
    assert padding.length(request(5), AXES) == 5
    odd = request(5) | {"ids": np.ones((1, 4), np.int64)}
    with pytest.raises(ValueError, match=r"sizes \[4, 5\] are no one length"):
        padding.length(odd, AXES)
    with pytest.raises(ValueError, match="no one length"):
        padding.length(request(5), {"ids": ()})


def test_an_answer_of_another_size_than_the_input_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match=r"output 'ids' has shape \(1, 8\) for a length of 4"):
        padding.cut({"ids": np.ones((1, 8))}, AXES, 4, 2)


def test_an_output_that_is_not_known_is_left_alone() -> None:
    (found,) = padding.cut({"y": np.ones((1, 8))}, AXES, 4, 2).values()
    assert found.shape == (1, 8)


def test_shapes_are_compared_without_the_rows() -> None:
    assert padding.same_shapes([request(4, rows=1), request(4, rows=3)])
    assert not padding.same_shapes([request(4), request(5)])


@pytest.mark.parametrize("pads", [True, False])
def test_the_runner_reads_from_the_configuration_what_it_may_pad(*, pads: bool) -> None:
    parameters = {
        "variant": "v",
        "engine": "onnxruntime",
        "precision": "fp32",
        "model_file": "model.onnx",
        "intra_op_thread_count": "1",
    } | ({PAD_REQUESTS: "true"} if pads else {})
    config = {
        "parameters": {name: {"string_value": value} for name, value in parameters.items()},
        "input": [{"name": "x", "dims": [-1, 4]}],
        "output": [{"name": "y", "dims": [4]}, {"name": "double", "dims": ["-1", "4"]}],
    }
    served = read_served({"model_repository": "/r", "model_version": "1"}, config)
    assert served.padded is pads
    assert served.open_inputs == {"x": (1,)}
    assert served.open_outputs == {"y": (), "double": (1,)}
