"""Small ONNX graphs for the builder's tests of the benchmark, and what they give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


class SmallGraph:
    """A graph that is being made: weights by name, nodes in order."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> None:
        """One node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def write(
        self, path: Path, inputs: dict[str, tuple[int, list[int]]], output: tuple[str, int]
    ) -> None:
        """``inputs``: their ONNX type and the shape of a row; ``output``: name and width."""
        name, width = output
        graph = helper.make_graph(
            self.nodes,
            "small",
            [
                helper.make_tensor_value_info(given, kind, ["n", *shape])
                for given, (kind, shape) in inputs.items()
            ],
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", width])],
            [numpy_helper.from_array(array, given) for given, array in self.weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))


def weights_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """All initializers by name."""
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def run_graph(model: onnx.ModelProto | Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The first output."""
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, inputs)[0]
    return found
