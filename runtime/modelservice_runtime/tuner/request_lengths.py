"""Sample rows made as long as the traffic's requests. Pure but for the files it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelservice_runtime.contract.tensors import TensorSpec

from .errors import REQUEST_INVALID, UserError
from .load_runs import write_input_data

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRows:
    """``inputs``: by name, rows first. ``axes``: by name, those that the model leaves open."""

    inputs: Arrays
    axes: Mapping[str, tuple[int, ...]]

    def of(self, length: int) -> dict[str, np.ndarray]:
        """The inputs cut, or repeated, to ``length`` along every open axis."""
        return {name: _sized(array, self.axes[name], length) for name, array in self.inputs.items()}


def _sized(array: np.ndarray, axes: Sequence[int], length: int) -> np.ndarray:
    for axis in axes:
        places = np.arange(length) % max(1, array.shape[axis])
        array = np.take(array, places, axis=axis)
    return array


def open_axes(tensors: Iterable[TensorSpec]) -> dict[str, tuple[int, ...]]:
    """By name the axes whose size is open, counted with the rows as axis 0."""
    return {
        tensor.name: tuple(axis for axis, size in enumerate(tensor.dims, start=1) if size < 0)
        for tensor in tensors
    }


def sample_rows(inputs: Arrays, tensors: Iterable[TensorSpec], field: str) -> SampleRows:
    """The rows of a model that takes ``tensors``; ``field``: what the user said the lengths in.

    Raises:
        UserError: all sizes of the model's inputs are fixed.
    """
    tensors = tuple(tensors)
    axes = open_axes(tensors)
    if not any(axes.values()):
        shapes = ", ".join(f"{tensor.name} {list(tensor.dims)}" for tensor in tensors)
        raise UserError(
            REQUEST_INVALID,
            f"{field}: no input of the model has an open axis ({shapes}), so its requests have no"
            " lengths; leave the field out",
        )
    return SampleRows(inputs=inputs, axes=axes)


def write_by_length(rows: SampleRows, lengths: Iterable[int], folder: Path) -> dict[int, Path]:
    """A file for perf_analyzer with requests of each length.

    Raises:
        OSError: it cannot be written.
    """
    files = {length: folder / f"input-{length}.json" for length in lengths}
    for length, path in files.items():
        write_input_data(rows.of(length), path)
    return files
