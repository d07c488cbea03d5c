"""ONNX Runtime's calibration interface over a ``RowFile``, one batch at a time."""

from __future__ import annotations

import math

import numpy as np
from onnxruntime.quantization import CalibrationDataReader

from .calibration_rows import RowFile


class CalibrationReader(CalibrationDataReader):  # type: ignore[misc]  # untyped package
    """``size``: rows of a batch. ``len``: batches; ``set_range`` chooses among them."""

    def __init__(self, rows: RowFile, size: int) -> None:
        self._rows = rows
        self._size = size
        self._next = 0
        self._end = len(self)

    def __len__(self) -> int:
        return math.ceil(self._rows.rows / self._size)

    def set_range(self, start_index: int, end_index: int) -> None:
        """The batches from ``start_index`` to ``end_index`` (not included) come next."""
        self._next, self._end = start_index, min(end_index, len(self))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, None after the last."""
        if self._next >= self._end:
            return None
        first = self._next * self._size
        self._next += 1
        return self._rows.read(first, first + self._size)
