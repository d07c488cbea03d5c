"""Names, types and shapes of a model's inputs and outputs, in Triton's words."""

from __future__ import annotations

from dataclasses import dataclass

#: KServe v2 / Triton data type -> (numpy name, bytes per element).
DATATYPES = {
    "BOOL": ("bool", 1),
    "UINT8": ("uint8", 1),
    "INT8": ("int8", 1),
    "INT16": ("int16", 2),
    "INT32": ("int32", 4),
    "INT64": ("int64", 8),
    "FP16": ("float16", 2),
    "FP32": ("float32", 4),
    "FP64": ("float64", 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """One input or output, without its batch dimension.

    ``dims``: sizes after the batch dimension, -1 where the size may vary.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInterface:
    """What the model takes and gives; the first dimension of every tensor is the batch."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
