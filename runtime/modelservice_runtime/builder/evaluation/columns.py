"""One column of a file → one array, checked, cast and kept in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .fitting import cast_note
from .invalid import invalid, ragged
from .spilling import spilled
from .tables import Table, shown

#: More rows make the bounds narrower by little and every candidate's trial longer by much.
MAX_ROWS = 20_000
#: Of all inputs together; each candidate runs over all of it.
MAX_BYTES = 1 << 30
#: Which rows are drawn from too many: always the same.
_SEED = 20240607

#: (block, the column's words, numbers of the rows) → the block as it is taken.
Fit: TypeAlias = Callable[[np.ndarray, str, Sequence[int]], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``note``: what was done to the type, in words, or empty."""

    array: np.ndarray
    note: str


def words_of(table: Table, path: Path, column: str) -> str:
    """``evaluation data digits.npz: key 'label'``."""
    return f"evaluation data {path.name}: {shown(table, column)}"


def draw(total: int, bytes_per_row: int) -> tuple[np.ndarray, str]:
    """The numbers of the rows to use, ascending, and a note where not all are used."""
    most = min(MAX_ROWS, max(1, MAX_BYTES // max(1, bytes_per_row)))
    if total <= most:
        return np.arange(total), ""
    rows = np.sort(np.random.default_rng(_SEED).choice(total, most, replace=False))
    limit = f"{MAX_ROWS} rows" if most == MAX_ROWS else f"{MAX_BYTES >> 20} MiB of inputs"
    note = f"{most} of {total} rows are used, drawn at random, always the same (at most {limit})"
    return rows, note


def first_block(table: Table, column: str, fit: Fit, where: str) -> np.ndarray:
    """The first rows of a column, to know its row's size."""
    for block in table.blocks(column):
        return fit(block, where, range(len(block)))
    raise invalid(f"{where} is shorter than the file says")


def read_column(
    blocks: Iterator[np.ndarray], fit: Fit, rows: np.ndarray, where: str, target: Path
) -> Column:
    """The ``rows`` (ascending numbers) of the column that has these ``blocks``.

    ``where``: the column, for messages; ``target``: the file that will hold them.

    Raises:
        UserError: the column does not fit; names it and the row.
        OSError: ``target`` cannot be written.
    """
    types: list[Any] = []

    def fitted() -> Iterator[np.ndarray]:
        for block, numbers in _chosen(blocks, rows):
            taken = fit(block, where, numbers)
            types[:] = types or [block.dtype, taken.dtype, taken.shape[1:]]
            if taken.shape[1:] != types[2]:
                raise ragged(where, *_first_difference(types[2], taken.shape[1:]))
            yield taken

    array = spilled(fitted(), target)
    if len(array) != len(rows):
        raise invalid(f"{where} is shorter than the file says")
    return Column(array=array, note=cast_note(types[0], types[1], where))


def _chosen(
    blocks: Iterator[np.ndarray], rows: np.ndarray
) -> Iterator[tuple[np.ndarray, list[int]]]:
    begin = 0
    for block in blocks:
        numbers = rows[(rows >= begin) & (rows < begin + len(block))]
        if len(numbers):
            yield block[numbers - begin], numbers.tolist()
        begin += len(block)


def _first_difference(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int]:
    return next(pair for pair in zip(one, other, strict=True) if pair[0] != pair[1])
