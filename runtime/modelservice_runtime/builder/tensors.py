"""Named arrays: rows tiled to a batch, read and written as safetensors, checked.

Room: numpy only; both the parent and the workers use it.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from safetensors.numpy import load_file, save_file

from modelservice_runtime.contract.tensors import DATATYPES, TensorSpec

from .errors import EXAMPLE_INPUTS_INVALID, MODEL_INVALID, UserError

Arrays: TypeAlias = dict[str, "np.ndarray"]

#: numpy name → Triton data type.
TRITON_NAMES = {numpy_name: name for name, (numpy_name, _) in DATATYPES.items()}
#: numpy name → what safetensors calls it.
SAFETENSORS_NAMES = {
    "bool": "BOOL", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip
_ALIGNMENT = 8
#: Names become file names (warmup/NAME) and keys, and go into config.pbtxt.
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]{0,63}$")


def read(path: Path) -> Arrays:
    """The arrays in a safetensors file."""
    return dict(load_file(path))


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write ``arrays`` as safetensors."""
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def write_rows(path: Path, arrays: Mapping[str, tuple[np.ndarray, Iterable[np.ndarray]]]) -> None:
    """Write safetensors without a copy of the whole, which the package's own writer makes.

    ``arrays``: name → (for type and shape, its rows in order, some at a time).
    """
    # Wide types first, so that each lies at a multiple of its size, as readers expect.
    ordered = sorted(arrays.items(), key=lambda item: (-item[1][0].dtype.itemsize, item[0]))
    header, place = dict[str, Any](), 0
    for name, (array, _) in ordered:
        kind = SAFETENSORS_NAMES[array.dtype.name]
        end = place + array.nbytes
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [place, end]}
        place = end
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % _ALIGNMENT)
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(words)) + words)
        for _, (_, blocks) in ordered:
            for block in blocks:
                out.write(np.ascontiguousarray(block).tobytes())


def tiled(samples: Mapping[str, np.ndarray], rows: int) -> Arrays:
    """``rows`` rows, the samples' rows again and again from the first."""
    return {name: array[np.arange(rows) % len(array)] for name, array in samples.items()}


def specs(arrays: Mapping[str, np.ndarray]) -> tuple[TensorSpec, ...]:
    """Names, types and actual sizes of one row."""
    return tuple(
        TensorSpec(name=name, datatype=datatype(name, array.dtype.name), dims=array.shape[1:])
        for name, array in arrays.items()
    )


def datatype(name: str, numpy_name: str) -> str:
    """Triton's word for a numpy type.

    Raises:
        UserError: a type that cannot be served.
    """
    if numpy_name not in TRITON_NAMES:
        known = ", ".join(sorted(TRITON_NAMES))
        raise UserError(
            MODEL_INVALID, f"tensor {name!r} is {numpy_name}, which cannot be served; use {known}"
        )
    return TRITON_NAMES[numpy_name]


def check_name(name: object) -> None:
    """Names must be usable as file names and keys.

    Raises:
        UserError: they are not.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise UserError(
            EXAMPLE_INPUTS_INVALID,
            f"tensor name {name!r}: use up to 64 letters, digits, '_', '-', '.', a letter first",
        )


def check_rows(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The number of rows, the same in every input.

    Raises:
        UserError: there is no input, one has no batch dimension, or the rows disagree.
    """
    if not shapes:
        raise UserError(EXAMPLE_INPUTS_INVALID, "there are no example inputs; give at least one")
    for name, shape in shapes.items():
        if not shape:
            raise UserError(
                EXAMPLE_INPUTS_INVALID,
                f"input {name!r} is a single value; its first dimension must be the batch",
            )
    rows = {name: shape[0] for name, shape in shapes.items()}
    if len(set(rows.values())) != 1:
        words = ", ".join(f"{name}: {count}" for name, count in rows.items())
        raise UserError(EXAMPLE_INPUTS_INVALID, f"inputs disagree on the number of rows ({words})")
    (count,) = set(rows.values())
    if count < 1:
        raise UserError(EXAMPLE_INPUTS_INVALID, "the example inputs have no rows; give one or more")
    return count
