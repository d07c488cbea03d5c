"""Cosine and mean absolute error: a number for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from modelservice_runtime.builder.gate.evidence import Evidence, Scores
from modelservice_runtime.contract.requests import MEAN_ABSOLUTE_ERROR

from .answers import fits
from .blocks import rows_of_block
from .fitting import sizes_in_words
from .given import Data
from .invalid import invalid


def cosine(part: Data, source: np.ndarray, *, output: str) -> Callable[[np.ndarray], Evidence]:
    """The cosine of each row (flattened) with the source model's; its own is 1."""
    del output
    before = np.ones(len(source))
    return lambda candidate: Scores(
        source=before, candidate=cosines(source, candidate), more_is_better=True, seed=part.seed
    )


def mean_absolute_error(
    part: Data, source: np.ndarray, *, output: str
) -> Callable[[np.ndarray], Evidence]:
    """Against the labels where there are any, else against the source model (whose own is 0)."""
    check_numbers(part.labels, source.shape[1:], output)
    wanted = source if part.labels is None else part.labels.reshape(source.shape)
    before = _errors(source, wanted)
    return lambda candidate: Scores(
        source=before,
        candidate=_errors(candidate, wanted),
        more_is_better=False,
        seed=part.seed,
    )


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row, float64; two zero rows are alike (1), one beside another is not (0)."""
    found: np.ndarray = np.concatenate([_cosines(x, y) for x, y in _blocks(a, b)])
    return found


def unit_rows(array: np.ndarray) -> np.ndarray:
    """Rows flattened to length 1, float64; zero rows stay zero."""
    rows: np.ndarray = array.reshape(len(array), -1).astype(np.float64)
    # Scaled first: squares of large values would overflow.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: np.ndarray = rows / np.where(lengths > 0, lengths, 1.0)
    return units


def check_numbers(labels: np.ndarray | None, dims: Sequence[int], output: str) -> None:
    """Whether the labels are a number for each of the output's (a last axis of 1 may lack).

    Raises:
        UserError: they are not.
    """
    wanted = dims[:-1] if dims and dims[-1] == 1 else dims
    if labels is not None and not fits(labels.shape[1:], wanted):
        raise invalid(
            f"spec.evaluation.metric: {MEAN_ABSOLUTE_ERROR} needs labels of the output's shape;"
            f" output {output!r} has {sizes_in_words(dims)} for each row, the labels have"
            f" {list(labels.shape[1:])}"
        )


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    x, y = unit_rows(a), unit_rows(b)
    both_zero = ~x.any(axis=1) & ~y.any(axis=1)
    found: np.ndarray = np.where(both_zero, 1.0, np.clip((x * y).sum(axis=1), -1.0, 1.0))
    return found


def _errors(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.concatenate([_means(x, y) for x, y in _blocks(given, wanted)])
    return found


def _means(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    # Halved first: the difference of two large values would overflow.
    halves = np.abs(given.astype(np.float64) / 2 - wanted.astype(np.float64) / 2)
    means: np.ndarray = halves.reshape(len(given), -1).mean(axis=1) * 2
    return means


def _blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some rows at a time: outputs of many tokens would not fit into memory twice as float64."""
    step = rows_of_block(a.shape[1:], np.dtype(np.float64).itemsize)
    for begin in range(0, len(a), step):
        yield a[begin : begin + step], b[begin : begin + step]
