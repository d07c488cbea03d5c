"""Rows of the recommender: readers, what each liked last, and how they rate another book.

Made up, by a seeded model that the recommender does not know: readers and books have tastes in four
directions, a rating is their product with some chance, from 1 to 5. Readers of the evaluation
do not occur in the training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preparing.packages import Packages
from preparing.tensors import Tensor, encoded, floats, integers, without_labels

SEED = 20240607
BOOKS, TASTES = 300, 4
#: Books that a reader has seen; the best of them are the history.
SEEN, HISTORY = 60, 10
TRAINING_READERS, EVALUATION_READERS = 4000, 400
RATINGS = 5
LOWEST, MIDDLE, HIGHEST = 1.0, 3.0, 5.0
CHANCE = 0.4
#: Rows that lie beside the model as its example inputs.
SAMPLES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``history``: numbers of books, best first; ``rating``: of ``book``, by the same reader."""

    history: tuple[int, ...]
    book: int
    rating: float


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    del packages, out
    training, evaluation = parts()
    return {
        "recommender/samples.safetensors": encoded(without_labels(tensors(training[:SAMPLES]))),
        "recommender-data/training.safetensors": encoded(tensors(training)),
        "recommender-data/evaluation.safetensors": encoded(tensors(evaluation)),
    }


def parts() -> tuple[list[Row], list[Row]]:
    """Training and evaluation rows, five a reader."""
    chance = random.Random(SEED)  # noqa: S311 - made-up data, not a secret
    books = [_tastes(chance) for _ in range(BOOKS)]
    training = [row for _ in range(TRAINING_READERS) for row in _reader(books, chance)]
    evaluation = [row for _ in range(EVALUATION_READERS) for row in _reader(books, chance)]
    return training, evaluation


def _reader(books: Sequence[Sequence[float]], chance: random.Random) -> Iterator[Row]:
    tastes = _tastes(chance)
    seen = chance.sample(range(BOOKS), SEEN)
    rated = [(_rating(tastes, books[book], chance), book) for book in seen]
    asked, known = rated[:RATINGS], sorted(rated[RATINGS:], reverse=True)[:HISTORY]
    for rating, book in asked:
        yield Row(history=tuple(number for _, number in known), book=book, rating=rating)


def _rating(reader: Sequence[float], book: Sequence[float], chance: random.Random) -> float:
    liking = 0.0
    for mine, its in zip(reader, book, strict=True):
        liking += mine * its
    exact = MIDDLE + liking + CHANCE * _bell(chance)
    return min(HIGHEST, max(LOWEST, exact))


def _tastes(chance: random.Random) -> list[float]:
    return [_bell(chance) * 0.9 for _ in range(TASTES)]


def _bell(chance: random.Random) -> float:
    """About normal, spread 1; only sums, so that every machine gets the same numbers."""
    total = 0.0
    for _ in range(12):
        total += chance.random()
    return total - 6.0


def tensors(rows: Sequence[Row]) -> Mapping[str, Tensor]:
    """``input/history``, int64 [n, 10], ``input/book``, int64 [n, 1], ``label``, float32 [n, 1]."""
    return {
        "input/history": integers((b for row in rows for b in row.history), len(rows), HISTORY),
        "input/book": integers((row.book for row in rows), len(rows), 1),
        "label": floats((row.rating for row in rows), len(rows), 1),
    }
