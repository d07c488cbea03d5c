"""``nn.Module`` → one ONNX file with a dynamic batch. Worker process only."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch.export import Dim

from .errors import EXPORT_FAILED, UserError
from .module_calls import Tensors
from .worker_loop import is_out_of_memory

#: A batch of 0 or 1 would be baked into the graph as a constant.
_EXPORT_ROWS = 3
_MAX_WORDS = 500
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: protobuf's own limit for one file.
_MAX_FILE_BYTES = 2**31 - 1
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
        UserError: it cannot be exported; the exporter's own essential words.
        MemoryError: an allocation failed.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    rows = {name: _few_rows(tensor) for name, tensor in inputs.items()}
    shapes = dynamic_shapes(inputs, dynamic_axes, max_batch_size)
    try:
        # As the user's function is called: by name.
        exported = torch.export.export(module, (), kwargs=rows, dynamic_shapes=shapes)
    except Exception as error:
        raise _failed("torch.export", error) from error
    try:
        program = torch.onnx.export(
            exported,
            (),
            kwargs=rows,
            dynamo=True,
            external_data=False,
            optimize=True,
            verbose=False,
        )
        _name(program.model.graph, list(inputs), list(output_names))
        _save(program, target)
    except Exception as error:
        raise _failed("the ONNX exporter", error) from error
    _check_names(target, list(inputs), list(output_names))


def dynamic_shapes(
    inputs: Tensors, dynamic_axes: Mapping[str, Mapping[int, str]], max_batch_size: int
) -> dict[str, dict[int, Any]]:
    """torch.export's dynamic shapes: axis 0 is ``batch`` everywhere, others as the user says."""
    batch = Dim("batch", min=1, max=max(max_batch_size, _EXPORT_ROWS))
    named: dict[str, Any] = {}
    shapes: dict[str, dict[int, Any]] = {}
    for name in inputs:
        axes = {
            axis: named.setdefault(word, Dim(word, min=1))
            for axis, word in dynamic_axes.get(name, {}).items()
        }
        shapes[name] = {0: batch, **axes}
    return shapes


def _few_rows(tensor: torch.Tensor) -> torch.Tensor:
    return tensor[torch.arange(_EXPORT_ROWS) % len(tensor)]


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


def _save(program: Any, target: Path) -> None:  # noqa: ANN401 - torch.onnx.ONNXProgram, untyped
    model = program.model
    for node in model.graph.all_nodes():
        # The exporter notes stack traces with the builder's paths: other bytes at each build.
        node.metadata_props.clear()
        node.doc_string = None
    model.doc_string = None
    model.metadata_props.clear()
    program.save(str(target), external_data=False)


def _check_names(target: Path, inputs: list[str], outputs: list[str]) -> None:
    if target.stat().st_size > _MAX_FILE_BYTES:
        raise UserError(EXPORT_FAILED, "the exported model is larger than 2 GiB, ONNX's limit")
    onnx.checker.check_model(str(target))
    graph = onnx.load(str(target), load_external_data=False).graph
    found = ([tensor.name for tensor in graph.input], [tensor.name for tensor in graph.output])
    if found != (inputs, outputs):
        raise UserError(
            EXPORT_FAILED,
            f"the exported graph has inputs {found[0]} and outputs {found[1]}, expected {inputs}"
            f" and {outputs}; an output must be computed from the inputs",
        )


def _failed(step: str, error: Exception) -> UserError | MemoryError:
    if is_out_of_memory(error):
        return MemoryError(str(error))
    return UserError(
        EXPORT_FAILED,
        f"the module cannot be exported; {step} says: {essential(error)}; avoid Python control"
        " flow and data access (.item(), .numpy()) that depend on the values of tensors",
    )


def essential(error: BaseException) -> str:
    """The innermost cause's first sentences, without colours, code frames and how-tos."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [_ANSI.sub("", line).strip() for line in str(error).splitlines()]
    said = [
        line for line in lines if line and not line.startswith(("File ", "(", "- ", "The above"))
    ]
    return f"{type(error).__name__}: {' '.join(said[:4])}"[:_MAX_WORDS]
