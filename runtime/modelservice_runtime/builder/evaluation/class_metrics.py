"""Accuracy, macro F1 and top-1 agreement: metrics of class numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modelservice_runtime.builder.gate.evidence import Agreement, Correctness, Evidence, Tallies
from modelservice_runtime.contract.requests import ACCURACY, MACRO_F1

from .answers import (
    IGNORED,
    answers_of,
    check_class_labels,
    classes_in,
    threshold_of,
)
from .given import Data

TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 0, 1, 2


def accuracy(part: Data, source: np.ndarray, *, output: str) -> Callable[[np.ndarray], Evidence]:
    """The share of right answers.

    One answer a row: right or wrong. Several (tokens): the share of right tokens among those
    that count, over all rows, resampled by rows, since the tokens of a row are not independent.
    """
    labels, threshold = _labels(part, source, ACCURACY, output), threshold_of(source)
    right = classes_in(source, threshold) == labels
    if right.ndim == 1:
        return lambda candidate: Correctness(
            source=right, candidate=classes_in(candidate, threshold) == labels
        )
    return lambda candidate: _shares(
        right, classes_in(candidate, threshold) == labels, labels != IGNORED, part.seed
    )


def macro_f1(part: Data, source: np.ndarray, *, output: str) -> Callable[[np.ndarray], Evidence]:
    """F1 of each class that the labels have, averaged over these classes."""
    labels, threshold = _labels(part, source, MACRO_F1, output), threshold_of(source)
    rows = _rows_that_count(labels != IGNORED) if labels.ndim > 1 else np.arange(len(labels))
    wanted = labels[rows]
    before = class_tallies(classes_in(source, threshold)[rows], wanted)
    return lambda candidate: Tallies(
        source=before,
        candidate=class_tallies(classes_in(candidate, threshold)[rows], wanted),
        seed=part.seed,
    )


def top1_agreement(
    part: Data, source: np.ndarray, *, output: str
) -> Callable[[np.ndarray], Evidence]:
    """The share of answers that are the source model's; of tokens as in ``accuracy``.

    Labels, where there are any, are not compared with; those of tokens say which ones count.
    """
    del output
    threshold = threshold_of(source)
    wanted = classes_in(source, threshold)
    if wanted.ndim == 1:
        return lambda candidate: Agreement(same=classes_in(candidate, threshold) == wanted)
    counted = np.ones(wanted.shape, bool)
    if part.labels is not None and part.labels.shape == wanted.shape:
        counted = part.labels != IGNORED
    return lambda candidate: _shares(
        np.ones(wanted.shape, bool),
        classes_in(candidate, threshold) == wanted,
        counted,
        part.seed,
    )


def class_tallies(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts (rows, classes that the labels have, 3) of answers and labels (rows, …)."""
    rows, answers_of_a_row = len(labels), max(1, labels[:1].size)
    cells: np.ndarray = np.arange(labels.size)
    if labels.ndim > 1:
        cells = np.flatnonzero(labels != IGNORED)
    row: np.ndarray = cells // answers_of_a_row
    wanted: np.ndarray = labels.reshape(-1)[cells]
    given: np.ndarray = answers.reshape(-1)[cells]
    classes, place = np.unique(wanted, return_inverse=True)
    counts: np.ndarray = np.zeros((rows, len(classes), 3), np.int32)
    right = wanted == given
    np.add.at(counts, (row[right], place[right], TRUE_POSITIVE), 1)
    np.add.at(counts, (row[~right], place[~right], FALSE_NEGATIVE), 1)
    # What is answered wrongly counts against the class answered, if the labels have it.
    near: np.ndarray = np.minimum(np.searchsorted(classes, given), len(classes) - 1)
    known = ~right & (classes[near] == given)
    np.add.at(counts, (row[known], near[known], FALSE_POSITIVE), 1)
    return counts


def _labels(part: Data, source: np.ndarray, metric: str, output: str) -> np.ndarray:
    answers = answers_of(floats=source.dtype.kind == "f", dims=source.shape[1:])
    return check_class_labels(part.labels, answers, metric, output)


def _shares(before: np.ndarray, after: np.ndarray, counted: np.ndarray, seed: int) -> Tallies:
    """The share of right answers as an F1: each wrong one is found wrongly and not found."""
    rows = _rows_that_count(counted)
    return Tallies(
        source=_right_and_wrong(before[rows], counted[rows]),
        candidate=_right_and_wrong(after[rows], counted[rows]),
        seed=seed,
    )


def _rows_that_count(counted: np.ndarray) -> np.ndarray:
    """A row without a label that counts is no sample: nothing can be lost on it."""
    rows: np.ndarray = np.flatnonzero(counted.reshape(len(counted), -1).any(axis=1))
    return rows


def _right_and_wrong(right: np.ndarray, counted: np.ndarray) -> np.ndarray:
    axes = tuple(range(1, right.ndim))
    hits = (right & counted).sum(axis=axes)
    misses = counted.sum(axis=axes) - hits
    counts: np.ndarray = np.stack([hits, misses, misses], axis=-1)[:, None, :].astype(np.int32)
    return counts
