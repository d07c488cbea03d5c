"""Requests joined into one batch, and its answers cut apart again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: By tensor name, rows first.
Arrays = dict[str, Any]


def count(arrays: Arrays) -> int:
    """Rows of one request: the first dimension of any of its inputs."""
    return len(next(iter(arrays.values())))


def join(rows: Sequence[Arrays]) -> Arrays:
    """The requests' arrays one below the other, in order.

    Raises:
        ValueError: their shapes beyond the first dimension differ.
    """
    if len(rows) == 1:
        return rows[0]
    return {name: np.concatenate([arrays[name] for arrays in rows]) for name in rows[0]}


def split(arrays: Arrays, counts: Sequence[int]) -> list[Arrays]:
    """The inverse of ``join`` on the outputs: ``counts`` rows to each request, in order.

    Raises:
        ValueError: an output does not have a row for each input row.
    """
    total = sum(counts)
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) != total:
            raise ValueError(f"output {name!r} has shape {array.shape} for {total} rows")
    ends = np.cumsum(counts).tolist()
    return [
        {name: array[end - size : end] for name, array in arrays.items()}
        for size, end in zip(counts, ends, strict=True)
    ]
