"""Calling the user's module by input name and naming its outputs. Worker process only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from .errors import EXAMPLE_INPUTS_INVALID, MODEL_INVALID, UserError
from .tensors import check_name, datatype
from .worker_loop import is_out_of_memory

Tensors = dict[str, torch.Tensor]


def call(module: torch.nn.Module, inputs: Tensors, names: Sequence[str]) -> Tensors:
    """The named outputs of ``module(**inputs)``, without gradients.

    Raises:
        UserError: the outputs are not tensors, or not as many as ``names``.
    """
    with torch.inference_mode():
        return named(module(**inputs), names)


def named(returned: object, names: Sequence[str]) -> Tensors:
    """A tensor, a sequence or a mapping of tensors as a dict.

    Names: ``names`` where given; else the mapping's keys; else ``output``, or ``output_0`` …

    Raises:
        UserError: something else is in there, or the numbers differ.
    """
    keys, values = _flat(returned)
    chosen = list(names) or keys
    if len(chosen) != len(values):
        raise UserError(
            MODEL_INVALID,
            f"the module returns {len(values)} outputs, options['output_names'] has {len(chosen)}",
        )
    tensors: Tensors = {}
    for name, value in zip(chosen, values, strict=True):
        check_name(name)
        if not isinstance(value, torch.Tensor):
            raise UserError(
                MODEL_INVALID,
                f"output {name!r} is {type(value).__name__}; the module must return a tensor, or a"
                " flat tuple, list or dict of tensors",
            )
        tensors[name] = value.contiguous()
    return tensors


def _flat(returned: object) -> tuple[list[str], list[object]]:
    if isinstance(returned, Mapping):
        return [str(key) for key in returned], list(returned.values())
    if isinstance(returned, tuple | list):
        return [f"output_{i}" for i in range(len(returned))], list(returned)
    return ["output"], [returned]


def try_out(module: torch.nn.Module, inputs: Tensors, names: Sequence[str]) -> Tensors:
    """Call once on the example inputs and check the outputs.

    Raises:
        UserError: the call fails, an output has no batch dimension or an unknown type.
        MemoryError: an allocation failed.
    """
    try:
        outputs = call(module, inputs, names)
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise UserError(
            EXAMPLE_INPUTS_INVALID,
            f"the module fails on its own example inputs: {type(error).__name__}: {error}"[:600]
            + "; it is called as module(**inputs): names must be those of forward()'s parameters",
        ) from error
    rows = len(next(iter(inputs.values())))
    _check_outputs(outputs, inputs, rows)
    return outputs


def _check_outputs(outputs: Tensors, inputs: Tensors, rows: int) -> None:
    if not outputs:
        raise UserError(MODEL_INVALID, "the module returns no outputs")
    for name, tensor in outputs.items():
        if name in inputs:
            raise UserError(MODEL_INVALID, f"{name!r} names an input and an output; rename one")
        datatype(name, str(tensor.dtype).removeprefix("torch."))
        if tensor.dim() == 0 or tensor.shape[0] != rows:
            raise UserError(
                MODEL_INVALID,
                f"output {name!r} has shape {list(tensor.shape)} for {rows} rows; its first"
                " dimension must be the batch",
            )
