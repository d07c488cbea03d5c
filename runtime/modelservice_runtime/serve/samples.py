"""The artifact's sample rows: inputs, the source model's outputs and each variant's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.contract.store_layout import (
    INPUT_PREFIX,
    OUTPUT_PREFIX,
    SAMPLES_FILE,
    VARIANT_OUTPUTS,
)


class SamplesUnreadable(Exception):  # noqa: N818 - named for the state of the samples
    """The samples cannot be read, or are empty; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Arrays by tensor name; the first dimension is the row."""

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return min(len(array) for array in self.inputs.values())


def read_samples(artifact: Path, rows: int | None = None) -> Samples:
    """The first ``rows`` samples (None: all) of the artifact in the folder ``artifact``.

    Raises:
        SamplesUnreadable: there are none, or the file is damaged.
    """
    path = artifact / SAMPLES_FILE
    arrays = _read(path, rows)
    samples = Samples(
        inputs=_part(arrays, INPUT_PREFIX),
        outputs=_part(arrays, OUTPUT_PREFIX),
    )
    if not samples.inputs or not samples.outputs or samples.rows == 0:
        raise SamplesUnreadable(f"{path} has no sample row of inputs and outputs")
    return samples


def read_answers(artifact: Path, variant: Variant, rows: int) -> dict[str, np.ndarray]:
    """The answers of ``variant`` itself to the first ``rows`` samples, each asked alone.

    Raises:
        SamplesUnreadable: there are none, or the file is damaged.
    """
    path = artifact / variant.folder / VARIANT_OUTPUTS
    answers = _part(_read(path, rows), OUTPUT_PREFIX)
    if not answers or min(len(array) for array in answers.values()) == 0:
        raise SamplesUnreadable(f"{path} has no answer to a sample")
    return answers


def _read(path: Path, rows: int | None) -> dict[str, np.ndarray]:
    try:
        with safe_open(str(path), framework="np") as opened:
            names = opened.keys()
            return {name: _first(opened.get_slice(name), rows) for name in names}
    except (OSError, SafetensorError, ValueError) as error:
        raise SamplesUnreadable(f"{path} cannot be read: {error}") from error


def _first(array: Any, rows: int | None) -> np.ndarray:  # noqa: ANN401 - safetensors has no types
    """At most ``rows`` rows (None: all); safetensors refuses to slice beyond the end."""
    there = array.get_shape()[0]
    part: np.ndarray = array[: there if rows is None else min(rows, there)]
    return part


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
