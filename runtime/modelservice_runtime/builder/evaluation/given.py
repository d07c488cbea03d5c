"""The rows that the artifact is scored on, as a value."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.builder.tensors import Arrays

from .spilling import blocks, picked

_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Rows. Arrays may be mapped from files in the build's scratch folder.

    ``labels``: int64 (rows,) or (rows, …), or floats; None without. ``given``: in words, where
    they come from. ``keys``: a digest of each row's inputs: equal rows have equal keys.
    ``notes``: what was done to them, in words.
    """

    inputs: Arrays
    labels: np.ndarray | None
    given: str
    keys: tuple[bytes, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def seed(self) -> int:
        """For whatever draws at random over these rows: the same rows, the same draws."""
        return int.from_bytes(hashlib.sha256(b"".join(self.keys)).digest()[:8], "big")

    def take(self, rows: np.ndarray) -> Data:
        """The rows with these numbers, in this order.

        Raises:
            OSError: the scratch folder cannot be written.
        """
        return dataclasses.replace(
            self,
            inputs={name: picked(array, rows) for name, array in self.inputs.items()},
            labels=None if self.labels is None else np.asarray(self.labels[rows]),
            keys=tuple(self.keys[int(row)] for row in rows),
        )


def from_arrays(
    inputs: Mapping[str, np.ndarray],
    labels: np.ndarray | None,
    *,
    given: str,
    notes: tuple[str, ...] = (),
) -> Data:
    """Checked arrays (rows first, equally many) as data."""
    return Data(inputs=dict(inputs), labels=labels, given=given, keys=_keys(inputs), notes=notes)


def without_copies(data: Data) -> Data:
    """Each row once: a copy would count as a sample and prove nothing.

    Where equal inputs carry different labels, equal rows are seen to be observations of their
    own (the same question asked again), not copies, and all rows of the data stay.
    """
    places: dict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(data.keys):
        places[key].append(row)
    if len(places) == len(data) or not all(_alike(data.labels, rows) for rows in places.values()):
        return data
    first = np.array([rows[0] for rows in places.values()])
    note = f"{len(data) - len(first)} rows are copies of others and were left out"
    kept = data.take(np.sort(first))
    return dataclasses.replace(kept, notes=(*data.notes, note))


def _alike(labels: np.ndarray | None, rows: list[int]) -> bool:
    if labels is None or len(rows) == 1:
        return True
    return bool((labels[rows] == labels[rows[0]]).all())


def _keys(inputs: Mapping[str, np.ndarray]) -> tuple[bytes, ...]:
    """Input by input, so that of a large file a few rows at a time are in memory."""
    digests = [
        hashlib.blake2b(digest_size=_KEY_BYTES) for _ in range(len(next(iter(inputs.values()))))
    ]
    for name in sorted(inputs):
        rows = (row for block in blocks(inputs[name]) for row in block)
        for digest, row in zip(digests, rows, strict=True):
            digest.update(np.ascontiguousarray(row).tobytes())
    return tuple(digest.digest() for digest in digests)
