"""How much each layer loses in dynamic int8, on real activations, without quantizing the model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import onnx_files
from .calibration_rows import RowFile
from .onnx_writing import write_apart
from .trying_out import open_session

_LEVELS = 255.0
_SIGNED = 127.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Activations times constant weights. ``transposed``: these are (outputs, inputs)."""

    node: str
    activations: str
    tensor: onnx.TensorProto
    transposed: bool

    def weights(self, folder: Path) -> np.ndarray:
        """(inputs, outputs), read from ``folder``: not kept for all layers at once."""
        weights: np.ndarray = numpy_helper.to_array(self.tensor, str(folder))
        return weights.T if self.transposed else weights


def dynamic_errors(model: Path, rows: RowFile) -> Mapping[str, float]:
    """Node → ‖int8 product - float product‖ ÷ ‖float product‖ over all rows together.

    Weights by column, activations by tensor, as ONNX Runtime does it. Rows go through the model
    one at a time.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "with_activations.onnx"
        layers = _write_with_activations(model, path)
        names = sorted({layer.activations for layer in layers})
        session = open_session(path)
        sums = {layer.node: np.zeros(2) for layer in layers}
        for batch in rows.batches(1):
            seen = dict(zip(names, session.run(names, batch), strict=True))
            for layer in layers:
                weights = layer.weights(path.parent)
                sums[layer.node] += _squares(seen[layer.activations], weights)
    return {node: _relative(*parts) for node, parts in sums.items()}


def _relative(lost: float, whole: float) -> float:
    return float(np.sqrt(lost / whole)) if whole else 0.0


def name_nodes(model: onnx.ModelProto) -> None:
    """Give each node a name of its own, the same one each time."""
    taken = {node.name for node in onnx_files.nodes(model.graph)}
    for number, node in enumerate(onnx_files.nodes(model.graph)):
        if not node.name:
            name = f"{node.op_type}_{number}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)


def _layers(model: onnx.ModelProto) -> Iterator[Layer]:
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        tensor = constants.get(node.input[1]) if node.op_type in {"MatMul", "Gemm"} else None
        is_matrix = tensor is not None and len(tensor.dims) == 2  # noqa: PLR2004
        if tensor is not None and is_matrix and tensor.data_type == TensorProto.FLOAT:
            yield Layer(
                node=node.name,
                activations=node.input[0],
                tensor=tensor,
                transposed=any(a.name == "transB" and a.i for a in node.attribute),
            )


def _write_with_activations(source: Path, target: Path) -> tuple[Layer, ...]:
    """The model with what goes into its layers as further outputs, weights beside it."""
    model = onnx_files.load(source)
    name_nodes(model)
    there = {tensor.name for tensor in model.graph.output}
    wanted = {layer.activations for layer in _layers(model)}
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in sorted(wanted - there)
    )
    write_apart(model, target)
    return tuple(_layers(onnx.load(str(target), load_external_data=False)))


def _squares(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(sum of squares of the error, of the product)."""
    rows: np.ndarray = activations.reshape(-1, activations.shape[-1]).astype(np.float32)
    exact = rows @ weights
    lost = _rounded_rows(rows) @ _rounded_columns(weights) - exact
    both: np.ndarray = np.array([_sum_of_squares(lost), _sum_of_squares(exact)])
    return both


def _sum_of_squares(values: np.ndarray) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _rounded_rows(values: np.ndarray) -> np.ndarray:
    """As uint8 with one scale and zero point for all, and back."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / _LEVELS or 1.0
    zero = np.round(-low / scale)
    rounded: np.ndarray = (np.clip(np.round(values / scale) + zero, 0, _LEVELS) - zero) * scale
    return rounded.astype(np.float32)


def _rounded_columns(weights: np.ndarray) -> np.ndarray:
    """As int8 with one scale for each column, and back."""
    scale = np.abs(weights).max(axis=0) / _SIGNED
    scale[scale == 0] = 1.0
    rounded: np.ndarray = np.clip(np.round(weights / scale), -_SIGNED, _SIGNED) * scale
    return rounded.astype(np.float32)
