"""A ``Program`` → one ONNX file with a dynamic batch. Worker process only.

tf2onnx converts the traced function, not the Keras object: that is the same way for functional,
Sequential and subclassed models and for a SavedModel. Layouts stay as the model has them (NHWC).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxscript.optimizer
from onnxscript import ir

from . import onnx_model
from .errors import EXPORT_FAILED, UserError
from .tensorflow_conversion import convert
from .tensorflow_errors import failed
from .tensorflow_program import Program
from .tensors import Arrays

TECHNIQUES = ("tf2onnx", *onnx_model.TECHNIQUES)


def export(program: Program, outputs: Arrays, target: Path) -> None:
    """Write the program as ONNX to ``target``; the names of the tensors are kept.

    ``outputs``: of one call, for the ranks.

    Raises:
        UserError: it cannot be converted; the operators at fault, or the converter's words.
        MemoryError: an allocation failed.
    """
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        _write(program, outputs, target)
    except UserError:
        raise
    except Exception as error:
        raise failed(
            EXPORT_FAILED,
            "the model cannot be converted to ONNX; tf2onnx says",
            error,
            "ONNX takes at most 2 GiB in one file" if isinstance(error, ValueError) else "",
        ) from error
    _check_file(program, target)


def _write(program: Program, outputs: Arrays, target: Path) -> None:
    model = ir.serde.deserialize_model(convert(program.concrete))
    _check_operators(model)
    _name(model.graph, program, outputs)
    onnxscript.optimizer.optimize(model)
    proto = ir.serde.serialize_model(model)
    del model
    target.write_bytes(proto.SerializeToString())


def _check_operators(model: Any) -> None:  # noqa: ANN401 - ir.Model, untyped package
    """What tf2onnx does not know it leaves as it is; such a file would be no ONNX."""
    unknown = sorted(
        {
            node.op_type
            for node in model.graph.all_nodes()
            if not onnx.defs.has(node.op_type, node.domain)
        }
    )
    if unknown:
        raise UserError(
            EXPORT_FAILED,
            f"the model uses TensorFlow operators that have no counterpart in ONNX:"
            f" {', '.join(unknown)}; replace the layers that use them",
        )


def _name(graph: Any, program: Program, outputs: Arrays) -> None:  # noqa: ANN401 - ir.Graph
    """Give inputs and outputs their names and an open batch; inner names make way."""
    given = dict(zip(program.outputs, graph.outputs, strict=True))
    outer = {**dict(zip(program.inputs, graph.inputs, strict=True)), **given}
    for value in _inner(graph, {id(value) for value in outer.values()}):
        if value.name in outer:
            value.name = f"{value.name}__inner"
    for name, value in outer.items():
        value.name = name
    for (name, spec), value in zip(program.inputs.items(), graph.inputs, strict=True):
        value.shape = _open_shape(name, list(spec.shape))
    for (name, value), tensor in zip(given.items(), program.concrete.outputs, strict=True):
        sizes = tensor.shape.as_list() if tensor.shape.rank else [None] * outputs[name].ndim
        value.shape = _open_shape(name, sizes)


def _inner(graph: Any, outer: set[int]) -> list[Any]:  # noqa: ANN401 - ir.Graph
    values = [value for node in graph.all_nodes() for value in node.outputs]
    return [v for v in [*values, *graph.initializers.values()] if id(v) not in outer]


def _open_shape(name: str, sizes: Sequence[int | None]) -> Any:  # noqa: ANN401 - ir.Shape
    rest = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(sizes)]
    return ir.Shape(["batch", *rest[1:]])


def _check_file(program: Program, target: Path) -> None:
    interface = onnx_model.check(target)
    found = ([spec.name for spec in interface.inputs], [spec.name for spec in interface.outputs])
    if found != (list(program.inputs), list(program.outputs)):
        raise UserError(
            EXPORT_FAILED,
            f"the converted graph has inputs {found[0]} and outputs {found[1]}, expected"
            f" {list(program.inputs)} and {list(program.outputs)}",
        )
