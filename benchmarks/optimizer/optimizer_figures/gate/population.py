"""What a population is: rows of a model's inputs, and their labels where there are any.

Runs in the builder's environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_DIGITS = 12


class Population(Protocol):
    """Rows that samples are drawn from; their number is what ``len`` says."""

    def __len__(self) -> int: ...

    @property
    def digest(self) -> str:
        """Another one for other rows."""
        ...

    @property
    def labels(self) -> np.ndarray | None:
        """For each row; None without."""
        ...

    def rows(self, first: int, last: int) -> Mapping[str, np.ndarray]:
        """The model's inputs for the rows ``first`` … ``last`` - 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Rows that lie in memory."""

    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray | None
    digest: str

    @classmethod
    def of(cls, inputs: Mapping[str, np.ndarray], labels: np.ndarray | None = None) -> Table:
        """With the digest of these arrays."""
        return cls(inputs=inputs, labels=labels, digest=digest_of(inputs))

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def rows(self, first: int, last: int) -> Mapping[str, np.ndarray]:
        """The model's inputs for the rows ``first`` … ``last`` - 1."""
        return {name: array[first:last] for name, array in self.inputs.items()}


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Of names, shapes and bytes."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:_DIGITS]
