"""Evaluation data in Parquet: a column for each input, named like it, and ``label``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet, types

from .invalid import invalid, ragged, readable

#: Rows that are decoded at a time; lists may be long.
_ROWS_AT_A_TIME = 256


class ParquetFile:
    """Read column by column, some rows at a time."""

    word = "column"
    nests = True

    def __init__(self, path: Path) -> None:
        self._path = path
        with readable(path.name, pa.ArrowException), parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            count = file.metadata.num_rows
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise invalid(f"evaluation data {path.name}: there are two columns {twice[0]!r}")
        self.rows: Mapping[str, int] = dict.fromkeys(names, count)

    def column_of(self, name: str) -> str:
        """The input's own name."""
        return name

    def blocks(self, column: str) -> Iterator[np.ndarray]:
        """See ``Table``."""
        where = f"evaluation data {self._path.name}: column {column!r}"
        begin = 0
        with readable(self._path.name, pa.ArrowException), parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=[column], use_threads=False):
                yield _numbers(batch.column(0), where, begin)
                begin += batch.num_rows


def _numbers(array: Any, where: str, begin: int) -> np.ndarray:  # noqa: ANN401 - untyped package
    """Scalars, or lists of one length (nested or not), as an array (rows, …)."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    rows = len(array)
    if isinstance(array, pa.FixedShapeTensorArray):
        _refuse_nulls(array, where, begin, rows)
        tensors: np.ndarray = array.to_numpy_ndarray()
        return tensors
    shape = [rows]
    while types.is_nested(array.type):
        if not _is_list(array.type):
            raise invalid(f"{where} is {array.type}; numbers or lists of numbers are needed")
        _refuse_nulls(array, where, begin, rows)
        shape.append(_one_length(array, where))
        array = array.flatten()
    _refuse_nulls(array, where, begin, rows)
    if not (types.is_integer(array.type) or types.is_floating(array.type) or _is_bool(array.type)):
        raise invalid(
            f"{where} is {array.type}; numbers or lists of numbers are needed (text as token"
            " numbers, classes as class numbers)"
        )
    numbers: np.ndarray = array.to_numpy(zero_copy_only=False).reshape(shape)
    return numbers


def _is_bool(kind: Any) -> bool:  # noqa: ANN401 - untyped package
    return bool(types.is_boolean(kind))


def _is_list(kind: Any) -> bool:  # noqa: ANN401 - untyped package
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _one_length(array: Any, where: str) -> int:  # noqa: ANN401 - untyped package
    lengths = np.unique(compute.list_value_length(array).to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        raise ragged(where, int(lengths[0]), int(lengths[-1]))
    return int(lengths[0]) if len(lengths) else 0


def _refuse_nulls(array: Any, where: str, begin: int, rows: int) -> None:  # noqa: ANN401
    """``begin``: number of the block's first row; ``rows``: how many the block has."""
    if array.null_count:
        first = int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
        row = begin + first // max(1, len(array) // rows)
        raise invalid(f"{where} has an empty value in row {row}; fill it or drop the row")
