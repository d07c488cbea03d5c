"""A model's numbers → class numbers, and labels that must fit them.

============================  ================================================
output, without the batch      the answer
============================  ================================================
floats [C] or […, C], C > 1    the largest one's place along the last axis
floats [] or […, 1]            class 1 above a threshold, else class 0
whole numbers                  the class numbers themselves
============================  ================================================

The threshold is 0.5 where all of the source model's numbers lie between 0 and 1 (probabilities),
else 0 (logits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fitting import sizes_in_words
from .invalid import invalid

#: Labels of tokens that do not count, as PyTorch's losses have it.
IGNORED = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an output answers. ``classes``: how many there are, 0 if that is not known.

    ``dims``: sizes of a row of answers, -1 where open.
    """

    floats: bool
    single: bool
    dims: tuple[int, ...]
    classes: int


def answers_of(*, floats: bool, dims: Sequence[int]) -> Answers:
    """What an output with rows of the shape ``dims`` answers."""
    single = not dims or dims[-1] == 1
    if not floats:
        return Answers(floats=False, single=single, dims=_without_one(dims), classes=0)
    classes = 2 if single else max(0, dims[-1])
    return Answers(floats=True, single=single, dims=tuple(dims[:-1]), classes=classes)


def threshold_of(source: np.ndarray) -> float:
    """Where class 1 begins, for one number an answer; 0 where there are more."""
    answers = answers_of(floats=source.dtype.kind == "f", dims=source.shape[1:])
    if not (answers.floats and answers.single):
        return 0.0
    return 0.5 if ((source >= 0) & (source <= 1)).all() else 0.0


def classes_in(output: np.ndarray, threshold: float) -> np.ndarray:
    """The class numbers (int64) in an output. ``threshold``: for one number an answer."""
    answers = answers_of(floats=output.dtype.kind == "f", dims=output.shape[1:])
    shape = (len(output), *answers.dims)
    found: np.ndarray
    if answers.floats and answers.single:
        found = output.reshape(shape) > threshold
    elif answers.floats:
        found = output.argmax(axis=-1)
    else:
        found = output.reshape(shape)
    classes: np.ndarray = found.astype(np.int64)
    return classes


def check_class_labels(
    labels: np.ndarray | None, answers: Answers, metric: str, output: str
) -> np.ndarray:
    """The labels, if they are class numbers that ``output`` can answer.

    Raises:
        UserError: they are not; names the metric and what is expected.
    """
    labels = check_labelled(labels, metric)
    if labels.dtype.kind != "i":
        raise invalid(
            f"spec.evaluation.metric: {metric} needs class numbers (whole numbers) as labels, they"
            f" are {labels.dtype.name}; for numbers to predict take MeanAbsoluteError"
        )
    sizes = labels.shape[1:]
    if not fits(sizes, answers.dims):
        raise invalid(
            f"spec.evaluation.metric: {metric} needs a label of shape"
            f" {sizes_in_words(answers.dims)} for each row to compare with output {output!r}; the"
            f" labels have {list(sizes)}"
        )
    counted = labels[labels != IGNORED] if sizes else labels
    strange = _strange(counted, answers.classes)
    if strange is not None:
        raise invalid(
            f"evaluation data: label {strange} is no class of output {output!r}, which has"
            f" {answers.classes} (0 … {answers.classes - 1})"
        )
    return labels


def check_labelled(labels: np.ndarray | None, metric: str) -> np.ndarray:
    """The labels, if there are any.

    Raises:
        UserError: there are none.
    """
    if labels is None:
        raise invalid(
            f"spec.evaluation.metric: {metric} needs labels; give spec.evaluation.dataUri a file"
            " with a column 'label', or take a metric that compares with the source model"
            " (Top1Agreement, NeighbourAgreement, Cosine)"
        )
    return labels


def fits(sizes: Sequence[int], dims: Sequence[int]) -> bool:
    """Whether a row of the shape ``sizes`` is one of ``dims`` (-1 is any size)."""
    return len(sizes) == len(dims) and all(
        want in (-1, got) for want, got in zip(dims, sizes, strict=True)
    )


def _strange(labels: np.ndarray, classes: int) -> int | None:
    """A label that is no class; where their number is not known only the sign can tell."""
    if not labels.size:
        return None
    low, high = int(labels.min()), int(labels.max())
    if low < 0 and classes:
        return low
    return high if 0 < classes <= high else None


def _without_one(dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(dims[:-1] if dims and dims[-1] == 1 else dims)
