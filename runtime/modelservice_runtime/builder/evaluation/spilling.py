"""Rows kept in files and mapped into memory, so that large data do not count against the limit."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from .blocks import rows_of_block


def spilled(blocks: Iterable[np.ndarray], target: Path) -> np.ndarray:
    """``blocks`` (one or more, same type and row shape) one below the other, in a file.

    Raises:
        OSError: ``target`` cannot be written.
    """
    rows = 0
    part = target.with_name(f"{target.name}.part")
    with part.open("wb") as sink:
        for block in blocks:
            if block.size:
                sink.write(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)
            rows += len(block)
            kind, sizes = block.dtype, block.shape[1:]
    # Renamed, since an older file of that name may still be mapped.
    part.replace(target)
    if rows == 0 or 0 in sizes:
        empty: np.ndarray = np.empty((rows, *sizes), kind)
        return empty
    mapped: np.ndarray = np.memmap(target, kind, "r", shape=(rows, *sizes))
    return mapped


def picked(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``array[rows]``; a mapped file becomes another mapped file beside it.

    Raises:
        OSError: that file cannot be written.
    """
    if not isinstance(array, np.memmap) or array.filename is None or len(rows) == 0:
        plain: np.ndarray = np.asarray(array[rows])
        return plain
    own = hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()[:12]
    source = Path(str(array.filename))
    target = source.with_name(f"{source.stem}-{own}{source.suffix}")
    return spilled(_blocks(array, rows), target)


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in order, some at a time; of a mapped file no more than these are in memory."""
    yield from _blocks(array, np.arange(len(array)))


def _blocks(array: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    step = rows_of_block(array.shape[1:], array.itemsize)
    for begin in range(0, len(rows), step):
        yield array[rows[begin : begin + step]]
        forget(array)


def forget(array: np.ndarray) -> None:
    """Let go of the pages of a mapped file: they are in the file, and read again if needed."""
    if isinstance(array, np.memmap):
        mapped: mmap.mmap = array._mmap  # type: ignore[attr-defined] # noqa: SLF001 - numpy has no other name for it
        mapped.madvise(mmap.MADV_DONTNEED)
