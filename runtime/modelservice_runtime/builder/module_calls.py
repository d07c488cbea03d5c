"""Calling the user's module by input name and naming its outputs. Worker process only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from .errors import EXAMPLE_INPUTS_INVALID, MODEL_INVALID, UserError
from .places import place_with_code
from .tensors import check_name, datatype
from .worker_loop import is_out_of_memory

Tensors = dict[str, torch.Tensor]

#: Besides the example inputs' own number of rows: one alone, and an odd number of them.
_TRIED_ROWS = (1, 3)


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


def few_rows(inputs: Tensors, rows: int) -> Tensors:
    """``rows`` rows of every input, the same again where there are not enough."""
    return {name: tensor[torch.arange(rows) % len(tensor)] for name, tensor in inputs.items()}


def try_out(module: torch.nn.Module, inputs: Tensors, names: Sequence[str]) -> Tensors:
    """Call once on the example inputs and check the outputs, there and at other batch sizes.

    Raises:
        UserError: a call fails, an output has no batch dimension or an unknown type, or its other
            dimensions depend on the batch.
        MemoryError: an allocation failed.
    """
    rows = len(next(iter(inputs.values())))
    outputs = _called(
        module,
        inputs,
        names,
        "the module fails on its own example inputs",
        "it is called as module(**inputs): names must be those of forward()'s parameters",
    )
    _check_outputs(outputs, inputs, rows)
    for tried in _TRIED_ROWS:
        few = _called(
            module,
            few_rows(inputs, tried),
            names,
            f"the module runs on its {rows} example rows and fails on a batch of {tried}",
            "a served model must take any batch from 1 on",
        )
        _check_sizes(few, outputs, tried, rows)
    return outputs


def _called(
    module: torch.nn.Module, inputs: Tensors, names: Sequence[str], failure: str, advice: str
) -> Tensors:
    try:
        return call(module, inputs, names)
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        where = place_with_code(error)
        raise UserError(
            EXAMPLE_INPUTS_INVALID,
            f"{failure}{f' at {where}' if where else ''}: {type(error).__name__}: {error}"[:600]
            + f"; {advice}",
        ) from error


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


def _check_sizes(few: Tensors, outputs: Tensors, tried: int, rows: int) -> None:
    """Dynamic axes break where code means another axis: squeeze() drops a batch of one."""
    for name, tensor in outputs.items():
        wanted, found = [tried, *tensor.shape[1:]], list(few[name].shape)
        if found != wanted:
            raise UserError(
                MODEL_INVALID,
                f"output {name!r} has shape {found} for a batch of {tried} and"
                f" {list(tensor.shape)} for {rows} rows, so {wanted} was expected; a dimension may"
                " not depend on the batch: give squeeze() its dimension, reshape() the batch first",
            )
