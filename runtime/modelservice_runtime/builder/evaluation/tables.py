"""A file of evaluation data as named columns, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from .invalid import invalid

SAFETENSORS, NPZ, PARQUET = ".safetensors", ".npz", ".parquet"
SUFFIXES = (SAFETENSORS, NPZ, PARQUET)
LABEL = "label"


class Table(Protocol):
    """An opened file. ``word``: what its columns are called, for messages.

    ``rows``: how many each column has. ``nests``: an array may be given flat, to be reshaped.
    """

    word: str
    nests: bool
    rows: Mapping[str, int]

    def column_of(self, name: str) -> str:
        """The column that holds the input ``name``."""
        ...

    def blocks(self, column: str) -> Iterator[np.ndarray]:
        """The column's rows in order, some at a time: arrays (rows of the block, …).

        Raises:
            UserError: the file is damaged, or the column holds no numbers.
        """
        ...


def open_table(path: Path) -> Table:
    """The table in the file at ``path``, by its ending.

    Raises:
        UserError: another ending, or the file is damaged.
    """
    # Imported here: a build without Parquet data need not load its library.
    if path.suffix == SAFETENSORS:
        from .safetensors_file import SafetensorsFile  # noqa: PLC0415

        return SafetensorsFile(path)
    if path.suffix == NPZ:
        from .npz_file import NpzFile  # noqa: PLC0415

        return NpzFile(path)
    if path.suffix == PARQUET:
        from .parquet_file import ParquetFile  # noqa: PLC0415

        return ParquetFile(path)
    raise invalid(f"evaluation data {path.name}: the file must end in one of {', '.join(SUFFIXES)}")


def shown(table: Table, column: str) -> str:
    """A column in messages: ``column 'age'``, ``key 'input/age'``."""
    return f"{table.word} {column!r}"
