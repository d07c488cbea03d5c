"""OpenVINO models asked directly, and the graph of their own that single rows have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelservice_runtime.builder.techniques import openvino_model
from modelservice_runtime.serve.runner import openvino_calls
from modelservice_runtime.serve.runner.openvino_calls import Calls, for_one_row

WIDTH = 8


def saved(folder: Path, *, axis: int | str = WIDTH) -> Path:
    """A product, and a sum over the rows' own numbers, of rows of ``axis`` numbers."""
    generator = np.random.default_rng(4)
    nodes = [helper.make_node("Mul", ["x", "x"], ["squares"])]
    tensors = []
    if axis == WIDTH:
        weights = generator.standard_normal((WIDTH, 3), np.float32)
        tensors.append(numpy_helper.from_array(weights, "w"))
        nodes.append(helper.make_node("MatMul", ["x", "w"], ["product"]))
    else:
        nodes.append(helper.make_node("Relu", ["x"], ["product"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", axis])],
        [
            helper.make_tensor_value_info("product", TensorProto.FLOAT, ["batch", None]),
            helper.make_tensor_value_info("squares", TensorProto.FLOAT, ["batch", axis]),
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def opened(path: Path) -> Calls:
    _, calls = openvino_model.opened(path, "fp32")
    return calls


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_every_batch_gets_what_openvino_itself_gives(tmp_path: Path, rows: int) -> None:
    path = saved(tmp_path)
    calls = opened(path)
    assert calls.has_graph_for_one_row
    arrays = {"x": np.random.default_rng(rows).standard_normal((rows, WIDTH), np.float32)}
    given = openvino_model.compile_model(path, "fp32")(arrays)
    found = calls.run(arrays)
    assert list(found) == ["product", "squares"]
    for name in found:
        np.testing.assert_allclose(found[name], given[name], rtol=1e-5, atol=1e-5)


def test_an_answer_stays_what_it_is_when_the_next_one_comes(tmp_path: Path) -> None:
    calls = opened(saved(tmp_path))
    for rows in (1, 3):
        ones, twos = (np.full((rows, WIDTH), value, np.float32) for value in (1.0, 2.0))
        first = calls.run({"x": ones})["squares"]
        calls.run({"x": twos})
        np.testing.assert_array_equal(first, ones)


def test_arrays_that_openvino_would_not_take_are_copied(tmp_path: Path) -> None:
    calls = opened(saved(tmp_path))
    readonly = np.ones((2, WIDTH), np.float32)
    readonly.flags.writeable = False
    turned = np.ones((WIDTH, 2), np.float32).T
    for array in (readonly, turned):
        np.testing.assert_array_equal(calls.run({"x": array})["squares"], np.ones((2, WIDTH)))


def test_where_another_axis_is_open_there_is_no_graph_for_one_row(tmp_path: Path) -> None:
    path = saved(tmp_path, axis="length")
    assert for_one_row(openvino_model.read_model(path)) is None
    calls = opened(path)
    assert not calls.has_graph_for_one_row
    np.testing.assert_array_equal(
        calls.run({"x": np.ones((1, 5), np.float32)})["product"], np.ones((1, 5))
    )


def test_large_weights_are_not_packed_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = openvino_model.read_model(saved(tmp_path))
    size = WIDTH * 3 * 4
    monkeypatch.setattr(openvino_calls, "FEW_BYTES", size)
    assert for_one_row(model) is not None
    monkeypatch.setattr(openvino_calls, "FEW_BYTES", size - 1)
    assert for_one_row(model) is None


def test_graphs_that_say_different_things_are_not_both_used(tmp_path: Path) -> None:
    many = openvino_model.compile_model(saved(tmp_path), "fp32")
    (tmp_path / "other").mkdir()
    other = onnx.load(tmp_path / "model.onnx")
    other.graph.node[0].op_type = "Add"
    onnx.save(other, tmp_path / "other" / "model.onnx")
    wrong = for_one_row(openvino_model.read_model(tmp_path / "other" / "model.onnx"))
    one = openvino.Core().compile_model(wrong, "CPU", dict(openvino_model.settings("fp32")))
    calls = Calls(many, one, ["x"], ["product", "squares"])
    assert not calls.has_graph_for_one_row
    twos = np.full((1, WIDTH), 2.0, np.float32)
    np.testing.assert_array_equal(calls.run({"x": twos})["squares"], twos * twos)
