"""Rows to ask a model with that somebody else serves: the user's own, else made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelservice_runtime.contract.tensors import DATATYPES, TensorSpec

from .errors import REQUEST_INVALID, UserError

_SEED = 5
#: Where a size is open and no data are given.
_MADE_UP_ROWS = 4


def tensors_of(config: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    """The inputs in Triton's JSON of a model's configuration."""
    return tuple(
        TensorSpec(
            name=str(tensor["name"]),
            datatype=str(tensor["data_type"]).removeprefix("TYPE_"),
            dims=tuple(int(size) for size in tensor.get("dims", ())),
        )
        for tensor in config.get("input", ())
    )


def rows_of(tensors: Sequence[TensorSpec], data: Path | None) -> dict[str, np.ndarray]:
    """Rows of the inputs, from perf_analyzer's JSON where there is one.

    Rows of one shape alone: those of others than the first one's are left out.

    Raises:
        UserError: the file cannot be read, or a type has no numbers.
    """
    odd = [tensor.name for tensor in tensors if tensor.datatype not in DATATYPES]
    if odd:
        words = f"--lengths: inputs of numbers can be made longer, and {', '.join(odd)} is none"
        raise UserError(REQUEST_INVALID, words)
    if data is None:
        return {tensor.name: _made_up(tensor) for tensor in tensors}
    try:
        entries = json.loads(data.read_text(encoding="utf-8"))["data"]
        rows = [{tensor.name: _row(entry, tensor) for tensor in tensors} for entry in entries]
        first = {name: array.shape for name, array in rows[0].items()}
        same = [row for row in rows if {name: row[name].shape for name in row} == first]
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        words = f"--input-data {data} has no rows to make longer: {error!r}"
        raise UserError(REQUEST_INVALID, words) from error
    return {tensor.name: np.stack([row[tensor.name] for row in same]) for tensor in tensors}


def _row(entry: Mapping[str, Any], tensor: TensorSpec) -> np.ndarray:
    """One input of one row, shaped as the entry says, else as the model does."""
    found = entry[tensor.name]
    content = found["content"] if isinstance(found, Mapping) else found
    shape = found.get("shape", tensor.dims) if isinstance(found, Mapping) else tensor.dims
    row: np.ndarray = np.array(content, dtype=DATATYPES[tensor.datatype][0]).reshape(shape)
    return row


def _made_up(tensor: TensorSpec) -> np.ndarray:
    """Ones for whole numbers, which may be places in a table; else numbers around 0."""
    shape = (_MADE_UP_ROWS, *(abs(size) for size in tensor.dims))
    kind = np.dtype(DATATYPES[tensor.datatype][0])
    rows: np.ndarray = np.ones(shape, kind)
    if np.issubdtype(kind, np.floating):
        rows = np.random.default_rng(_SEED).standard_normal(shape).astype(kind)
    return rows
