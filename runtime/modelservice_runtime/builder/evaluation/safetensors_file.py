"""Evaluation data in safetensors: ``input/<name>`` and ``label``, rows first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from modelservice_runtime.builder.tensors import SAFETENSORS_NAMES
from modelservice_runtime.contract.store_layout import INPUT_PREFIX

from .blocks import rows_of_block
from .invalid import invalid, readable

#: safetensors' word → bytes per element, for what numpy has.
_KNOWN = {word: np.dtype(name).itemsize for name, word in SAFETENSORS_NAMES.items()}


class SafetensorsFile:
    """Only the slices that are asked for are read."""

    word = "key"
    nests = False

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            self._shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
            self._types = {name: file.get_slice(name).get_dtype() for name in self._shapes}
        self.rows: Mapping[str, int] = {
            name: shape[0] for name, shape in self._shapes.items() if shape
        }

    def column_of(self, name: str) -> str:
        """``input/<name>``."""
        return INPUT_PREFIX + name

    def blocks(self, column: str) -> Iterator[np.ndarray]:
        """See ``Table``."""
        if self._types[column] not in _KNOWN:
            raise invalid(
                f"evaluation data {self._path.name}: key {column!r} is {self._types[column]}, which"
                " numpy does not have; write it as float32"
            )
        count, *sizes = self._shapes[column]
        step = rows_of_block(sizes, _KNOWN[self._types[column]])
        for begin in range(0, count, step):
            # Opened anew each time: what was read of a mapped file would stay in memory.
            with self._opened() as file:
                block = file.get_slice(column)[begin : min(begin + step, count)]
            yield block

    def _opened(self) -> Any:  # noqa: ANN401 - untyped package
        with readable(self._path.name, SafetensorError):
            return safe_open(self._path, framework="numpy")
