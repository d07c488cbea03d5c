"""A TensorFlow model, wherever it came from, as one function of named tensors. Worker only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from .errors import EXAMPLE_INPUTS_INVALID, MODEL_INVALID, UserError
from .tensorflow_errors import failed
from .tensors import Arrays, check_name, datatype

#: Tensors by position → tensors by position.
Call = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """``function``: a traced ``tf.function``, tensors by position; the batch is open.

    ``inputs``: name → ``tf.TensorSpec``, in order; ``outputs``: names, in order.
    ``owner``: the object that holds the variables, which TensorFlow drops with it.
    """

    function: Any
    inputs: Mapping[str, Any]
    outputs: tuple[str, ...]
    owner: object

    @property
    def concrete(self) -> Any:  # noqa: ANN401 - tensorflow has no types
        """Its one trace, a ``ConcreteFunction``."""
        return self.function.get_concrete_function()

    @property
    def interface(self) -> ModelInterface:
        """What it takes, in Triton's words (the outputs are known only after a call)."""
        specs = tuple(
            TensorSpec(
                name=name,
                datatype=datatype(name, spec.dtype.name),
                dims=tuple(-1 if size is None else size for size in spec.shape[1:]),
            )
            for name, spec in self.inputs.items()
        )
        return ModelInterface(inputs=specs, outputs=())


def trace(
    compute: Call, inputs: Mapping[str, Any], outputs: Sequence[str], owner: object
) -> Program:
    """Trace ``compute`` with an open batch.

    Raises:
        UserError: a name, a type or a shape cannot be served, or tracing fails.
    """
    if not inputs or not outputs:
        raise UserError(MODEL_INVALID, "the model has no inputs or no outputs")
    for name in [*inputs, *outputs]:
        check_name(name)
    shared = sorted(set(inputs) & set(outputs))
    if shared:
        raise UserError(MODEL_INVALID, f"{shared[0]!r} names an input and an output; rename one")
    specs = [tf.TensorSpec(s.shape, s.dtype, f"input_{i}") for i, s in enumerate(inputs.values())]

    def positional(*tensors: object) -> list[object]:
        # An output that is an input, or another output, gets a tensor of its own.
        return [tf.identity(_dense(tensor)) for tensor in compute(tensors)]

    function = tf.function(positional, input_signature=specs, autograph=False)
    program = Program(function=function, inputs=dict(inputs), outputs=tuple(outputs), owner=owner)
    _ = program.interface  # refuses types that cannot be served before anything runs
    try:
        traced = program.concrete.outputs
    except UserError:
        raise
    except Exception as error:
        raise failed(
            MODEL_INVALID, "the model cannot be traced with an open batch dimension", error
        ) from error
    for name, tensor in zip(outputs, traced, strict=True):
        _check_batch(name, tensor.shape)
    return program


def _check_batch(name: str, shape: Any) -> None:  # noqa: ANN401 - tensorflow has no types
    """What the trace already tells; ``try_out`` sees the rest."""
    if shape.rank is not None and (shape.rank == 0 or shape[0] is not None):
        raise UserError(
            MODEL_INVALID,
            f"output {name!r} has shape {shape.as_list()} whatever the number of rows; its first"
            " dimension must be the batch",
        )


def _dense(tensor: object) -> object:
    if isinstance(tensor, tf.Tensor):
        return tensor
    raise UserError(
        MODEL_INVALID,
        f"an output is {type(tensor).__name__}; the model must return dense tensors",
    )


def call(program: Program, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The named outputs for named inputs.

    Raises:
        UserError: the model fails on them.
        MemoryError: an allocation failed.
    """
    try:
        tensors = program.function(*feed(program, arrays))
    except Exception as error:
        rows = len(next(iter(arrays.values())))
        raise failed(MODEL_INVALID, f"the model fails on {rows} rows", error) from error
    return {
        name: np.asarray(tensor.numpy())
        for name, tensor in zip(program.outputs, tensors, strict=True)
    }


def feed(program: Program, arrays: Mapping[str, np.ndarray]) -> list[Any]:
    """The inputs as tensors, in the function's order."""
    return [tf.constant(arrays[name]) for name in program.inputs]


def try_out(program: Program, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Call twice on the example inputs and check the outputs.

    Raises:
        UserError: the call fails, an output has no batch dimension, an unknown type, or differs
            from call to call.
    """
    try:
        outputs = call(program, arrays)
    except UserError as error:
        raise UserError(
            EXAMPLE_INPUTS_INVALID, f"{error.message}; these are its example inputs"
        ) from error
    rows = len(next(iter(arrays.values())))
    again = call(program, arrays)
    for name, array in outputs.items():
        datatype(name, array.dtype.name)
        if array.ndim == 0 or array.shape[0] != rows:
            raise UserError(
                MODEL_INVALID,
                f"output {name!r} has shape {list(array.shape)} for {rows} rows; its first"
                " dimension must be the batch",
            )
        if not np.allclose(array, again[name], rtol=1e-3, atol=1e-3, equal_nan=True):
            raise UserError(
                MODEL_INVALID,
                f"output {name!r} differs between two calls on the same inputs; a served model"
                " must give the same answer (is there randomness in the model?)",
            )
    return outputs
