"""How much memory a maker takes beside its framework, and how models get into files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from modelservice_runtime.builder.techniques import maker, onnx_writing
from modelservice_runtime.builder.techniques.base import Made, Work
from modelservice_runtime.builder.techniques.onnx_writing import (
    TooLargeError,
    write_apart,
    write_one_file,
)

if TYPE_CHECKING:
    WorkOf = Callable[..., Work]
    Makes = Callable[[str, Work], Made]

LAYERS = 8
SLACK_BYTES = 256 << 20


def stack(width: int, layers: int = LAYERS) -> onnx.ModelProto:
    """Matrix products and ReLUs, and at the front an operator that does nothing."""
    generator, last = np.random.default_rng(5), "same"
    nodes, tensors = [helper.make_node("Identity", ["x"], ["same"])], []
    for number in range(layers):
        weights = generator.standard_normal((width, width), np.float32) / np.float32(width**0.5)
        tensors.append(numpy_helper.from_array(weights, f"w{number}"))
        out = "y" if number == layers - 1 else f"r{number}"
        nodes.append(helper.make_node("MatMul", [last, f"w{number}"], [f"m{number}"]))
        nodes.append(helper.make_node("Relu", [f"m{number}"], [out]))
        last = out
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", width]) for n in ("x", "y")
    ]
    graph = helper.make_graph(nodes, "stack", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def work_for(work_on: WorkOf, folder: Path, width: int, **parameters: object) -> Work:
    """A step on a stack, with rows."""
    path, rows = folder / f"{width}.onnx", folder / f"{width}.safetensors"
    if not path.exists():
        onnx.save(stack(width), path)
        save_file({"x": np.ones((8, width), np.float32)}, rows)
    return replace(work_on(path, **parameters), calibration=rows)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("technique", "parameters"),
    [
        ("fuse", {"how": "slim"}),
        ("quantize_static", {}),
        ("quantize_static", {"method": "entropy"}),
        ("quantize_dynamic", {}),
        ("quantize_dynamic", {"float_share": 0.5}),
        ("half", {"precision": "fp16"}),
        ("openvino_ir", {}),
        ("openvino_int8", {}),
    ],
    ids=["slim", "static", "entropy", "dynamic", "mixed", "half", "openvino", "openvino int8"],
)
def test_a_maker_takes_three_times_the_model_and_a_quarter_of_a_gibibyte(
    tmp_path: Path, work_on: WorkOf, made: Makes, technique: str, parameters: dict[str, object]
) -> None:
    """Beside the framework: what it takes for a model of nearly no bytes."""
    peaks = {}
    for width in (32, 2048):
        work = work_for(work_on, tmp_path, width, **parameters)
        peaks[width] = made(technique, work).figures[maker.PEAK]
    size = (tmp_path / "2048.onnx").stat().st_size
    assert size > 128 << 20
    assert peaks[2048] - peaks[32] <= 3 * size + SLACK_BYTES


@given(st.integers(1, 40), st.integers(1, 3))
def test_a_file_written_tensor_by_tensor_is_what_protobuf_would_write(
    tmp_path_factory: pytest.TempPathFactory, width: int, layers: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "one.onnx"
    model = stack(width, layers)
    write_one_file(model, path)
    onnx.checker.check_model(str(path))
    assert onnx.load(str(path)) == stack(width, layers)
    assert not model.graph.initializer


def test_weights_written_apart_come_back_as_they_were(tmp_path: Path) -> None:
    write_apart(stack(40), tmp_path / "apart.onnx")
    assert (tmp_path / "apart.onnx").stat().st_size < 8 << 10
    back = onnx.load(str(tmp_path / "apart.onnx")).graph
    for tensor, before in zip(back.initializer, stack(40).graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), numpy_helper.to_array(before))
    assert list(back.node) == list(stack(40).graph.node)


def test_a_model_beyond_the_limit_of_one_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(stack(8).SerializeToString())
    monkeypatch.setattr(onnx_writing, "MOST_BYTES", size)
    write_one_file(stack(8), tmp_path / "fits.onnx")
    monkeypatch.setattr(onnx_writing, "MOST_BYTES", size - 20)
    with pytest.raises(TooLargeError, match="larger than 2 GiB"):
        write_one_file(stack(8), tmp_path / "large.onnx")
    assert not (tmp_path / "large.onnx").exists()
