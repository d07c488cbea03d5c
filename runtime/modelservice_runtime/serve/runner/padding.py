"""Requests of different lengths made as long as the longest, and their answers cut back. Pure.

A request has a length where all open axes of its inputs are of one size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .batches import Arrays

#: Tensor name -> its open axes beside the rows.
Axes = Mapping[str, tuple[int, ...]]


def same_shapes(rows: Sequence[Arrays]) -> bool:
    """Whether the requests can be joined as they are."""
    first = rows[0]
    return all(
        arrays[name].shape[1:] == first[name].shape[1:] for arrays in rows[1:] for name in first
    )


def length(arrays: Arrays, axes: Axes) -> int:
    """The size of all open axes of a request's inputs.

    Raises:
        ValueError: they have several sizes, or there is no such axis.
    """
    sizes = {arrays[name].shape[axis] for name, open_ in axes.items() for axis in open_}
    if len(sizes) != 1:
        raise ValueError(f"open axes of the sizes {sorted(sizes)} are no one length")
    (size,) = sizes
    return int(size)


def widened(arrays: Arrays, axes: Axes, longest: int) -> Arrays:
    """The inputs with zeros behind, so that every open axis is ``longest``."""
    return {name: _widened(array, axes.get(name, ()), longest) for name, array in arrays.items()}


def _widened(array: np.ndarray, axes: Sequence[int], longest: int) -> np.ndarray:
    more = [(0, longest - size if axis in axes else 0) for axis, size in enumerate(array.shape)]
    return np.pad(array, more) if any(extra for _, extra in more) else array


def cut(arrays: Arrays, axes: Axes, longest: int, own: int) -> Arrays:
    """Outputs of a padded request: of every open axis the first ``own``.

    Raises:
        ValueError: such an axis is not as long as the padded input's, so nobody knows where to cut.
    """
    return {
        name: _cut(name, array, axes.get(name, ()), longest, own) for name, array in arrays.items()
    }


def _cut(name: str, array: np.ndarray, axes: Sequence[int], longest: int, own: int) -> np.ndarray:
    for axis in axes:
        if array.shape[axis] != longest:
            raise ValueError(f"output {name!r} has shape {array.shape} for a length of {longest}")
        array = array[(slice(None),) * axis + (slice(own),)]
    return array
