"""What counts as the right answer, and how a request is written and an answer read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.manifest import ParityPoint, Variant
from modelservice_runtime.contract.tensors import DATATYPES
from modelservice_runtime.serve import answers, inference_request
from modelservice_runtime.serve.right_answers import (
    Served,
    WrongAnswerError,
    rows_in_time,
    served_of,
)

WANT = {"y": np.array([[1.0, 2.0, 3.0]], dtype=np.float32)}


def variant(*parity: ParityPoint, precision: str = "fp32") -> Variant:
    """A variant that was so far from the source model."""
    return Variant(
        name="a",
        engine="onnxruntime",
        precision=precision,
        folder="variants/a",
        model_file="model.onnx",
        techniques=(),
        size_bytes=1,
        parity=parity,
        latency=(),
    )


TOLERANCE = answers.allowed_for(variant())

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


def test_labels_of_a_coarser_arithmetic_may_fall_to_the_other_side_but_not_most_of_them() -> None:
    want, allowed = (
        {"label": np.array([1, 2, 3, 4])},
        answers.allowed_for(variant(precision="int8")),
    )
    assert answers.difference(want, {"label": np.array([1, 2, 0, 0])}, allowed) == ""
    words = answers.difference(want, {"label": np.array([1, 0, 0, 0])}, allowed)
    assert words == "output 'label' differs in 3 of 4 values"


def test_rounding_of_another_machine_is_no_difference() -> None:
    got = {"y": WANT["y"] + np.float32(5e-4)}
    assert answers.difference(WANT, got, TOLERANCE) == ""


def test_answers_may_be_twice_as_far_apart_as_the_variant_is_from_the_source_model() -> None:
    wide = ParityPoint(batch=1, max_absolute=0.1, max_relative=0.1, cosine=0.999)
    excused = ParityPoint(batch=8, max_absolute=5.0, max_relative=1e-5, cosine=0.9999)
    allowed = answers.allowed_for(variant(wide, excused, precision="int8"))
    assert allowed.absolute == pytest.approx(0.2)
    assert allowed.cosine == pytest.approx(0.996)
    assert answers.allowed_for(variant(excused)) == TOLERANCE


ROWS, WIDTH = 8, 16
NOISE = st.floats(0.0, 0.2)


@given(NOISE, st.integers(0, 2**32 - 1))
def test_noise_is_let_through_and_wrong_weights_are_not(noise: float, seed: int) -> None:
    """Two answers within the noise of the source's, as a dynamically quantized model gives."""
    random = np.random.default_rng(seed)
    source = random.standard_normal((ROWS, WIDTH))
    alone, joined = (source + random.uniform(-noise, noise, source.shape) for _ in range(2))
    far = max(float(np.abs(answer - source).max()) for answer in (alone, joined))
    cosine = min(cosine_of(source, alone), cosine_of(source, joined))
    point = ParityPoint(batch=1, max_absolute=far, max_relative=far, cosine=cosine)
    allowed = answers.allowed_for(variant(point, precision="int8"))
    assert answers.difference({"y": alone}, {"y": joined}, allowed) == ""
    other = random.standard_normal((ROWS, WIDTH))
    assert answers.difference({"y": alone}, {"y": other}, allowed)


def cosine_of(a: np.ndarray, b: np.ndarray) -> float:
    """Of two arrays, flattened."""
    return float(a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_variant_is_read_from_triton_s_own_configuration() -> None:
    config = {"max_batch_size": 8, "parameters": {"variant": {"string_value": "int8"}}}
    assert served_of(json.dumps(config).encode()) == Served(variant="int8", max_batch_size=8)


@pytest.mark.parametrize("config", [b"", b"[]", b"{}", b'{"max_batch_size": 1, "parameters": {}}'])
def test_a_configuration_without_a_variant_is_an_error_in_words(config: bytes) -> None:
    with pytest.raises(WrongAnswerError, match="names no variant"):
        served_of(config)


@pytest.mark.parametrize(("seconds", "rows"), [(0.0, 4), (1.0, 4), (2.0, 2), (9.0, 0)])
def test_a_slow_model_is_asked_for_fewer_rows_at_once(seconds: float, rows: int) -> None:
    assert rows_in_time(4, seconds) == rows


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
