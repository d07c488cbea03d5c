"""An ONNX source: checked, tidied, compared with itself before; no export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import SourceRequest
from modelservice_runtime.store.fetching import fetch_artifact

if TYPE_CHECKING:
    from conftest import Bench


def affine_model(
    batch: str | int = "batch", features: str | int = 4, name: str = "x"
) -> onnx.ModelProto:
    """Y = x * 2 + 1 with a constant that can be folded."""
    nodes = [
        helper.make_node("Add", ["one", "one"], ["two"]),
        helper.make_node("Mul", [name, "two"], ["doubled"]),
        helper.make_node("Add", ["doubled", "one"], ["y"]),
    ]
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    x = helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, features])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, features])
    graph = helper.make_graph(nodes, "affine", [x], [y], [one])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def onnx_bench(bench: Bench) -> Bench:
    bench.source = SourceRequest(kind="onnx", uri="")
    onnx.save(affine_model(), bench.source_folder / "model.onnx")
    return bench


def test_an_onnx_model_is_published_with_the_given_samples(
    onnx_bench: Bench, tmp_path: Path
) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_file({"input/x": rows}, onnx_bench.source_folder / "samples.safetensors")
    outcome = onnx_bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    fetch_artifact(outcome.result.artifact.uri, "", tmp_path / "fetched")
    samples = load_file(tmp_path / "fetched/samples.safetensors")
    np.testing.assert_array_equal(samples["input/x"], rows)
    np.testing.assert_array_equal(samples["output/y"], rows * 2 + 1)
    assert onnx_bench.manifest().variants[0].techniques == ("export",)


def test_without_samples_they_are_made_up_and_said(onnx_bench: Bench) -> None:
    onnx.save(affine_model(features="open"), onnx_bench.source_folder / "model.onnx")
    outcome = onnx_bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    assert onnx_bench.manifest().sample_inputs[0].dims == (16,)
    assert any("made up" in line["message"] for line in outcome.progress)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (affine_model(batch=8), "first dimension must be a dynamic batch"),
        (affine_model(name="a/b"), "tensor name 'a/b'"),
    ],
    ids=["fixed batch", "unusable name"],
)
def test_a_model_that_cannot_be_served_is_refused_with_what_to_do(
    onnx_bench: Bench, model: onnx.ModelProto, words: str
) -> None:
    onnx.save(model, onnx_bench.source_folder / "model.onnx")
    outcome = onnx_bench.build()
    assert outcome.code == exit_codes.USER_ERROR
    assert words in outcome.result.message
    assert onnx_bench.stored_files() == []


def test_bytes_that_are_no_onnx_are_refused(onnx_bench: Bench) -> None:
    (onnx_bench.source_folder / "model.onnx").write_bytes(b"not a model")
    outcome = onnx_bench.build()
    assert (outcome.code, outcome.result.reason) == (exit_codes.USER_ERROR, "ModelInvalid")
    assert "not a valid ONNX model" in outcome.result.message


def test_samples_that_do_not_fit_name_the_tensor_and_both_shapes(onnx_bench: Bench) -> None:
    np.savez(onnx_bench.source_folder / "samples.npz", **{"input/x": np.ones((2, 5), np.float32)})
    outcome = onnx_bench.build()
    assert (outcome.code, outcome.result.reason) == (
        exit_codes.USER_ERROR,
        "ExampleInputsInvalid",
    )
    assert "sample 'x' is float32[2, 5], the model takes float32 [rows, 4]" in (
        outcome.result.message
    )


def test_a_source_model_that_gives_nan_is_rejected(onnx_bench: Bench) -> None:
    """A source that gives NaN itself cannot be compared, and is never served."""
    rows = np.full((2, 4), np.nan, np.float32)
    save_file({"input/x": rows}, onnx_bench.source_folder / "samples.safetensors")
    outcome = onnx_bench.build()
    assert (outcome.code, outcome.result.reason) == (exit_codes.REJECTED, "ParityRejected")
    assert "the source model itself gives NaN" in outcome.result.message
