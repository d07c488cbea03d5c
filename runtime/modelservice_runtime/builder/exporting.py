"""``nn.Module`` → one ONNX file with a dynamic batch. Worker process only."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import torch
from torch.export import Dim

from .errors import EXPORT_FAILED, UserError
from .export_refusals import cannot_convert, cannot_trace
from .module_calls import Tensors, few_rows
from .techniques.onnx_writing import TooLargeError, write_one_file

#: A batch of 0 or 1 would be baked into the graph as a constant.
EXPORT_ROWS = 3
TECHNIQUES = ("torch.export", "onnx-decompositions", "onnxscript-optimize", "strip-metadata")


def export(
    module: torch.nn.Module,
    inputs: Tensors,
    output_names: Sequence[str],
    *,
    dynamic_axes: Mapping[str, Mapping[int, str]],
    max_batch_size: int,
    target: Path,
) -> None:
    """Write the module as ONNX to ``target``; the names of the tensors are kept.

    Raises:
        UserError: it cannot be exported; the exporter's own essential words and the place.
        MemoryError: an allocation failed.
    """
    # As the user's function is called: by name.
    rows = few_rows(inputs, EXPORT_ROWS)
    shapes = dynamic_shapes(inputs, dynamic_axes, max_batch_size)
    program = trace(module, (), rows, shapes)
    write(program, list(inputs), list(output_names), target)


def trace(
    module: torch.nn.Module,
    positional: tuple[torch.Tensor, ...],
    named: Tensors,
    shapes: Mapping[str, Any],
) -> torch.export.ExportedProgram:
    """``torch.export.export``, its refusals in words.

    Raises:
        UserError: it refuses; the message names the place in the user's code.
        MemoryError: an allocation failed.
    """

    def attempt() -> torch.export.ExportedProgram:
        return torch.export.export(module, positional, kwargs=named, dynamic_shapes=shapes)

    try:
        return attempt()
    except Exception as error:
        raise cannot_trace(error, attempt) from error


def write(
    program: torch.export.ExportedProgram, inputs: list[str], outputs: list[str], target: Path
) -> None:
    """Write ``program`` as ONNX to ``target`` with these names, in the program's order.

    Raises:
        UserError: ONNX has no word for an operator, or an output is no output.
        MemoryError: an allocation failed.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        converted = torch.onnx.export(
            program, (), dynamo=True, external_data=False, optimize=True, verbose=False
        )
        _name(converted.model.graph, inputs, outputs)
        _tidy(converted.model)
        model = onnx_ir.to_proto(converted.model)
        del converted
        _check_names(model.graph, inputs, outputs)
        # ONNXProgram.save serializes the whole, with up to four copies of the weights.
        write_one_file(model, target)
        del model
    except TooLargeError as error:
        raise UserError(EXPORT_FAILED, f"the export cannot be kept: {error}") from error
    except UserError:
        raise
    except Exception as error:
        raise cannot_convert(error) from error
    onnx.checker.check_model(str(target))


def dynamic_shapes(
    inputs: Tensors, dynamic_axes: Mapping[str, Mapping[int, str]], max_batch_size: int
) -> dict[str, dict[int, Any]]:
    """torch.export's dynamic shapes: axis 0 is ``batch`` everywhere, others as the user says."""
    batch = Dim("batch", min=1, max=max(max_batch_size, EXPORT_ROWS))
    named: dict[str, Any] = {}
    shapes: dict[str, dict[int, Any]] = {}
    for name in inputs:
        axes = {
            axis: named.setdefault(word, Dim(word, min=1))
            for axis, word in dynamic_axes.get(name, {}).items()
        }
        shapes[name] = {0: batch, **axes}
    return shapes


def _name(graph: Any, inputs: list[str], outputs: list[str]) -> None:  # noqa: ANN401 - onnx_ir, untyped
    """Give inputs and outputs their names; the exporter's own names make way.

    The exporter calls inner values after operators (``embedding``, ``add``), and would not
    notice that an output is called the same.
    """
    outer = [*zip(graph.inputs, inputs, strict=True), *zip(graph.outputs, outputs, strict=True)]
    wanted, kept = {*inputs, *outputs}, {id(value) for value, _ in outer}
    inner = [value for node in graph.all_nodes() for value in node.outputs]
    for value in [*inner, *graph.initializers.values()]:
        if value.name in wanted and id(value) not in kept:
            value.name = f"{value.name}__inner"
    for value, name in outer:
        value.name = name


def _tidy(model: Any) -> None:  # noqa: ANN401 - onnx_ir.Model, untyped
    for node in model.graph.all_nodes():
        # The exporter notes stack traces with the builder's paths: other bytes at each build.
        node.metadata_props.clear()
        node.doc_string = None
    model.doc_string = None
    model.metadata_props.clear()


def _check_names(graph: onnx.GraphProto, inputs: list[str], outputs: list[str]) -> None:
    found = ([tensor.name for tensor in graph.input], [tensor.name for tensor in graph.output])
    if found != (inputs, outputs):
        raise UserError(
            EXPORT_FAILED,
            f"the exported graph has inputs {found[0]} and outputs {found[1]}, expected {inputs}"
            f" and {outputs}; an output must be computed from the inputs",
        )
