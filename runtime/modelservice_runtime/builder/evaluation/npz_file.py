"""Evaluation data in npz: ``input/<name>`` and ``label``, rows first. No pickles."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelservice_runtime.contract.store_layout import INPUT_PREFIX

from .blocks import rows_of_block
from .invalid import invalid, readable

_SUFFIX = ".npy"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_NUMBERS = "biuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """``columns_first``: Fortran's order, which cannot be read row by row."""

    shape: tuple[int, ...]
    columns_first: bool
    dtype: Any


class NpzFile:
    """Arrays are read row by row, so that a compressed one is never in memory as a whole."""

    word = "key"
    nests = False

    def __init__(self, path: Path) -> None:
        self._path = path
        with readable(path.name), zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(_SUFFIX)]
            self._headers = {name.removesuffix(_SUFFIX): _header(archive, name) for name in names}
        self.rows: Mapping[str, int] = {
            name: head.shape[0] for name, head in self._headers.items() if head.shape
        }

    def column_of(self, name: str) -> str:
        """``input/<name>``."""
        return INPUT_PREFIX + name

    def blocks(self, column: str) -> Iterator[np.ndarray]:
        """See ``Table``."""
        header = self._headers[column]
        if header.dtype.hasobject or header.dtype.kind not in _NUMBERS:
            raise invalid(
                f"evaluation data {self._path.name}: key {column!r} is {header.dtype}; arrays of"
                " numbers are needed (text as token numbers, classes as class numbers)"
            )
        with readable(self._path.name):
            yield from self._whole(column) if header.columns_first else self._by_rows(column)

    def _whole(self, column: str) -> Iterator[np.ndarray]:
        with np.load(self._path, allow_pickle=False) as opened:
            yield opened[column]

    def _by_rows(self, column: str) -> Iterator[np.ndarray]:
        header = self._headers[column]
        count, *sizes = header.shape
        step = rows_of_block(sizes, header.dtype.itemsize)
        row_bytes = math.prod(sizes) * header.dtype.itemsize
        with zipfile.ZipFile(self._path) as archive, archive.open(column + _SUFFIX) as stream:
            _read_header(stream)
            for begin in range(0, count, step):
                rows = min(step, count - begin)
                data = stream.read(rows * row_bytes)
                yield np.frombuffer(data, header.dtype).reshape(rows, *sizes)


def _header(archive: zipfile.ZipFile, name: str) -> _Header:
    with archive.open(name) as stream:
        return _read_header(stream)


def _read_header(stream: Any) -> _Header:  # noqa: ANN401 - numpy is untyped here
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"npy format {version} is for structured arrays, not for numbers")
    shape, columns_first, dtype = _HEADERS[version](stream)
    return _Header(shape=shape, columns_first=columns_first, dtype=dtype)
