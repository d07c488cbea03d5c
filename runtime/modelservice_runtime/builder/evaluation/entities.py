"""Entity-level F1 of token taggers: a found entity counts if its type and both ends are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from seqeval.metrics.sequence_labeling import get_entities

from modelservice_runtime.builder.gate.evidence import Evidence, Tallies
from modelservice_runtime.contract.requests import ENTITY_F1

from .answers import IGNORED, answers_of, check_class_labels, classes_in
from .given import Data
from .invalid import invalid

_OUTSIDE = "O"
#: Begin and inside; seqeval reads end and single as well.
_PREFIXES = ("B-", "I-", "E-", "S-")


def entity_f1(
    part: Data, source: np.ndarray, *, output: str, label_names: Sequence[str]
) -> Callable[[np.ndarray], Evidence]:
    """F1 over all entities (micro average), as seqeval's ``f1_score``; resampled by sentences."""
    answers = answers_of(floats=source.dtype.kind == "f", dims=source.shape[1:])
    labels = check_class_labels(part.labels, answers, ENTITY_F1, output)
    check_label_names(label_names, answers.classes, output)
    check_entity_labels(labels, label_names, output)
    wanted = [_entities(row, row, label_names) for row in labels]
    # Without an entity nothing can be lost, so there are no samples; sentences without one are
    # samples beside others, since something can be found in them wrongly.
    labels, wanted = (labels, wanted) if any(wanted) else (labels[:0], [])
    before = _counts(classes_in(source, 0.0)[: len(labels)], labels, wanted, label_names)
    return lambda candidate: Tallies(
        source=before,
        candidate=_counts(classes_in(candidate, 0.0)[: len(labels)], labels, wanted, label_names),
        seed=part.seed,
    )


def check_label_names(label_names: Sequence[str], classes: int, output: str) -> None:
    """Names of all classes, in the BIO scheme.

    Raises:
        UserError: they are missing, too few or too many, or one is no tag.
    """
    if not label_names:
        raise invalid(
            "spec.evaluation.labelNames: EntityF1 needs the names of the classes, in the order of"
            " their numbers (O, B-PER, I-PER …)"
        )
    if classes and len(label_names) != classes:
        raise invalid(
            f"spec.evaluation.labelNames: {len(label_names)} names are given, output {output!r} has"
            f" {classes} classes"
        )
    for name in label_names:
        if name != _OUTSIDE and not (name.startswith(_PREFIXES) and len(name) > len("B-")):
            raise invalid(
                f"spec.evaluation.labelNames: {name!r} is neither O nor a tag such as B-PER or"
                " I-PER"
            )


def check_entity_labels(labels: np.ndarray, label_names: Sequence[str], output: str) -> None:
    """Class numbers (sentences, tokens) that have names.

    Raises:
        UserError: they are not.
    """
    if labels.ndim != 2:  # noqa: PLR2004 - sentences and tokens
        raise invalid(
            f"spec.evaluation.metric: EntityF1 needs a label for each token; output {output!r}"
            f" answers {list(labels.shape[1:])} for each row"
        )
    if int(labels.max()) >= len(label_names):
        raise invalid(
            f"spec.evaluation.labelNames: label {labels.max()} has no name, there are"
            f" {len(label_names)} (0 … {len(label_names) - 1})"
        )


def has_entities(labels: np.ndarray, label_names: Sequence[str]) -> bool:
    """Whether there is anything to find in the labels (sentences, tokens)."""
    return any(_entities(row, row, label_names) for row in labels)


def _counts(
    given: np.ndarray,
    labels: np.ndarray,
    wanted: Sequence[set[tuple[str, int, int]]],
    label_names: Sequence[str],
) -> np.ndarray:
    """Counts (sentences, 1, 3): right, wrongly found, not found."""
    rows = []
    for answers, label, entities in zip(given, labels, wanted, strict=True):
        found = _entities(answers, label, label_names)
        right = len(found & entities)
        rows.append([[right, len(found) - right, len(entities) - right]])
    counts: np.ndarray = np.array(rows, np.int32).reshape(-1, 1, 3)
    return counts


def _entities(
    numbers: np.ndarray, labels: np.ndarray, label_names: Sequence[str]
) -> set[tuple[str, int, int]]:
    """(type, first, last) of each entity among the tokens whose label counts."""
    known = range(len(label_names))
    counted = numbers[labels != IGNORED].tolist()
    # A model that answers in class numbers may answer one without a name.
    return set(get_entities([label_names[n] if n in known else _OUTSIDE for n in counted]))
