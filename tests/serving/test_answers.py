"""What counts as the right answer, and how a request is written and an answer read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.manifest import ParityPoint
from modelservice_runtime.contract.requests import ParityTolerance
from modelservice_runtime.contract.tensors import DATATYPES
from modelservice_runtime.serve import answers, inference_request

WANT = {"y": np.array([[1.0, 2.0, 3.0]], dtype=np.float32)}
TOLERANCE = ParityTolerance()

WRONG = {
    "missing": ({}, "output 'y' is missing"),
    "another shape": ({"y": WANT["y"][0]}, "output 'y' is float32[3], not float32[1, 3]"),
    "another type": ({"y": WANT["y"].astype(np.float64)}, "output 'y' is float64"),
    "no numbers": ({"y": np.full((1, 3), np.nan, np.float32)}, "wrong in 3 of 3 values, by up to"),
    "one value": ({"y": np.float32([[1, 2, 4]])}, "wrong in 1 of 3 values, by up to 1"),
}


@pytest.mark.parametrize(("got", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_is_named(got: dict[str, np.ndarray], words: str) -> None:
    assert words in answers.difference(WANT, got, TOLERANCE)


def test_labels_have_to_be_the_same() -> None:
    want = {"label": np.array([1, 2, 3])}
    assert answers.difference(want, want, TOLERANCE) == ""
    got = {"label": np.array([1, 2, 4])}
    assert answers.difference(want, got, TOLERANCE) == "output 'label' differs in 1 of 3 values"


def test_rounding_of_another_machine_is_no_difference() -> None:
    got = {"y": WANT["y"] + np.float32(5e-4)}
    assert answers.difference(WANT, got, TOLERANCE) == ""


def test_an_artifact_may_differ_as_much_as_it_was_let_through_with() -> None:
    wide = ParityPoint(batch=1, max_absolute=0.1, max_relative=0.1, cosine=0.999)
    tolerance = answers.tolerance_for([wide])
    assert (tolerance.absolute, tolerance.cosine) == (0.2, pytest.approx(0.998))
    assert answers.tolerance_for([]) == TOLERANCE


ARRAYS = st.tuples(
    st.sampled_from([numpy_name for numpy_name, _ in DATATYPES.values()]),
    st.lists(st.integers(0, 4), min_size=1, max_size=3),
).map(lambda pair: np.arange(np.prod(pair[1])).reshape(pair[1]).astype(pair[0]))


@given(st.dictionaries(st.text(max_size=5), ARRAYS, min_size=1, max_size=3))
def test_what_is_written_is_read_back(arrays: dict[str, np.ndarray]) -> None:
    """A request's inputs have the form of an answer's outputs."""
    body, length = inference_request.encode(arrays, ["y"])
    head = json.loads(body[:length])
    answer = json.dumps({"outputs": head["inputs"]}).encode()
    back = inference_request.decode(answer + body[length:], len(answer))
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


@given(st.binary(max_size=200), st.integers(0, 200))
def test_an_answer_that_is_none_is_an_error_in_words(body: bytes, length: int) -> None:
    with pytest.raises(inference_request.AnswerUnreadableError, match="cannot be read"):
        inference_request.decode(body, length)
