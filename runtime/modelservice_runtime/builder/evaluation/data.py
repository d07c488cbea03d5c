"""Evaluation data from a file, or the example inputs in their place."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modelservice_runtime.contract.tensors import DATATYPES, ModelInterface

from .columns import Column, Fit, draw, first_block, read_column, words_of
from .fitting import fit_input, fit_labels, sizes_in_words
from .given import Data, from_arrays, without_copies
from .invalid import invalid
from .tables import LABEL, Table, open_table, shown

__all__ = ["Data", "from_arrays", "from_samples", "read_data"]

_MOST_NAMES = 8


def from_samples(samples: Mapping[str, np.ndarray]) -> Data:
    """The example inputs (rows first), without labels."""
    data = without_copies(from_arrays(samples, None, given=""))
    return dataclasses.replace(data, given=f"{len(data)} example inputs, no labels")


def read_data(path: Path, interface: ModelInterface) -> Data:
    """The evaluation data in the file at ``path``, checked against the model.

    The arrays are kept in files beside it, in a folder ``<name>-arrays``.

    Raises:
        UserError: the file or a column of it does not fit; names the column.
        OSError: the folder cannot be written.
    """
    table = open_table(path)
    columns = {spec.name: table.column_of(spec.name) for spec in interface.inputs}
    fits: dict[str, Fit] = {
        columns[spec.name]: functools.partial(fit_input, spec=spec, nests=table.nests)
        for spec in interface.inputs
    }
    labelled = LABEL in table.rows and LABEL not in fits
    total = _check_columns(table, path, interface, [*fits, *([LABEL] if labelled else [])])
    rows, drawn = draw(total, _row_bytes(table, path, fits))
    read = _read(table, path, fits | ({LABEL: fit_labels} if labelled else {}), rows)
    notes = [drawn, _unused(table, path, read), *(column.note for column in read.values())]
    data = without_copies(
        from_arrays(
            {name: read[column].array for name, column in columns.items()},
            read[LABEL].array if labelled else None,
            given="",
            notes=tuple(note for note in notes if note),
        )
    )
    words = f"{len(data)} rows {'with' if labelled else 'without'} labels from {path.name}"
    return dataclasses.replace(data, given=words)


def _read(table: Table, path: Path, fits: Mapping[str, Fit], rows: np.ndarray) -> dict[str, Column]:
    folder = path.with_name(f"{path.name}-arrays")
    folder.mkdir(exist_ok=True)
    return {
        column: read_column(
            table.blocks(column),
            fit,
            rows,
            words_of(table, path, column),
            folder / f"{number}.bin",
        )
        for number, (column, fit) in enumerate(fits.items())
    }


def _check_columns(
    table: Table, path: Path, interface: ModelInterface, columns: Sequence[str]
) -> int:
    """The number of rows, the same in all ``columns``.

    Raises:
        UserError: a column is missing, there are no rows, or the columns disagree.
    """
    for spec in interface.inputs:
        column = table.column_of(spec.name)
        if column not in table.rows:
            numpy_name, _ = DATATYPES[spec.datatype]
            names = ", ".join(sorted(table.rows)[:_MOST_NAMES]) or "none"
            raise invalid(
                f"evaluation data {path.name}: the model's input {spec.name!r} needs the"
                f" {shown(table, column)} ({numpy_name}, each row {sizes_in_words(spec.dims)});"
                f" the file has {names}"
            )
    counts = {column: table.rows[column] for column in columns}
    if len(set(counts.values())) != 1:
        words = ", ".join(f"{shown(table, column)} {count}" for column, count in counts.items())
        raise invalid(f"evaluation data {path.name}: the numbers of rows differ: {words}")
    (total,) = set(counts.values())
    if total == 0:
        raise invalid(f"evaluation data {path.name}: there are no rows")
    return total


def _row_bytes(table: Table, path: Path, fits: Mapping[str, Fit]) -> int:
    blocks = [
        first_block(table, column, fit, words_of(table, path, column))
        for column, fit in fits.items()
    ]
    return sum(block.nbytes // len(block) for block in blocks)


def _unused(table: Table, path: Path, read: Mapping[str, Column]) -> str:
    unused = sorted(set(table.rows) - set(read))
    if not unused:
        return ""
    names = ", ".join(unused[:_MOST_NAMES]) + (" …" if len(unused) > _MOST_NAMES else "")
    return f"evaluation data {path.name}: not used by the model: {names}"
