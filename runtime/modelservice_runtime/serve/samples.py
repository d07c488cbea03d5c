"""The artifact's sample rows: inputs with the outputs that they must give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from modelservice_runtime.contract.store_layout import INPUT_PREFIX, OUTPUT_PREFIX, SAMPLES_FILE


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
    try:
        with safe_open(str(path), framework="np") as opened:
            arrays = {name: opened.get_slice(name)[:rows] for name in opened.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise SamplesUnreadable(f"{path} cannot be read: {error}") from error
    samples = Samples(
        inputs=_part(arrays, INPUT_PREFIX),
        outputs=_part(arrays, OUTPUT_PREFIX),
    )
    if not samples.inputs or not samples.outputs or samples.rows == 0:
        raise SamplesUnreadable(f"{path} has no sample row of inputs and outputs")
    return samples


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
