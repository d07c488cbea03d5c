"""Rows of the token tagger: sentences with people, organisations, places and dates.

Made by a seeded generator from ``corpus.txt``. A third of the names and a few patterns of sentences
occur in the evaluation alone, a tenth of all sentences are in lower case, and some names may be
a person or a place: so the tagger has to read the sentence, and does not get everything right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preparing.packages import Packages
from preparing.tensors import Tensor, encoded, integers, without_labels

CORPUS = Path(__file__).with_name("corpus.txt")
SEED = 20240607
TRAINING_ROWS, EVALUATION_ROWS = 6000, 2000
TOKENS = 24
#: Sentences that lie beside the model as its example inputs.
SAMPLES = 64
LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE")
#: The label of a place without a word: it does not count.
NO_WORD = -100
PADDING, UNKNOWN = "[PAD]", "[UNK]"
LOWER_CASE_SHARE = 0.1
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Sentence = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What one part of the corpus may use: entries of each list of ``corpus.txt``."""

    entries: Mapping[str, Sequence[str]]
    chance: random.Random

    def one(self, name: str) -> str:
        """Any entry of a list."""
        return self.chance.choice(self.entries[name])


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    del packages, out
    training, evaluation = parts()
    words = vocabulary(training)
    return {
        "token-tagger/vocabulary.txt": "".join(f"{word}\n" for word in words).encode(),
        "token-tagger/samples.safetensors": encoded(
            without_labels(tensors(training[:SAMPLES], words))
        ),
        "token-tagger-data/training.safetensors": encoded(tensors(training, words)),
        "token-tagger-data/evaluation.safetensors": encoded(tensors(evaluation, words)),
    }


def parts() -> tuple[list[Sentence], list[Sentence]]:
    """Training and evaluation sentences, none of them twice: (word, label) each."""
    chance = random.Random(SEED)  # noqa: S311 - made-up data, not a secret
    first, everything = read_lists(CORPUS.read_text(encoding="utf-8"))
    training = distinct(Lists(entries=first, chance=chance), TRAINING_ROWS, set())
    known = {tuple(sentence) for sentence in training}
    return training, distinct(Lists(entries=everything, chance=chance), EVALUATION_ROWS, known)


def read_lists(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The lists up to ``--``, and whole."""
    first: dict[str, list[str]] = {}
    everything: dict[str, list[str]] = {}
    for section in re.split(r"^\[", text, flags=re.MULTILINE)[1:]:
        name, _, body = section.partition("]\n")
        known, _, new = body.partition("\n--\n")
        split = str.splitlines if name == "sentences" else str.split
        first[name] = split(known.strip())
        everything[name] = [*first[name], *split(new.strip())]
    return first, everything


def distinct(lists: Lists, count: int, known: set[tuple[tuple[str, str], ...]]) -> list[Sentence]:
    """``count`` sentences that are not among ``known``, nor twice."""
    found: dict[tuple[tuple[str, str], ...], Sentence] = {}
    while len(found) < count:
        made = sentence(lists)
        if tuple(made) not in known:
            found.setdefault(tuple(made), made)
    return list(found.values())


def sentence(lists: Lists) -> Sentence:
    """One sentence, its entities filled in."""
    made: Sentence = []
    for word in lists.one("sentences").split():
        if word in ENTITIES:
            names = ENTITIES[word](lists).split()
            made += [(name, f"{'I' if i else 'B'}-{word}") for i, name in enumerate(names)]
        else:
            made.append((word, "O"))
    if lists.chance.random() < LOWER_CASE_SHARE:
        made = [(word.lower(), label) for word, label in made]
    return made[:TOKENS]


def _person(lists: Lists) -> str:
    forms = ("{first}", "{first} {last}", "{first} {last}", "{last}", "{initial} . {last}")
    first = lists.one("first")
    form = lists.chance.choice(forms)
    return form.format(first=first, last=lists.one("last"), initial=first[0])


def _organisation(lists: Lists) -> str:
    forms = (
        "{company}", "{company}", "{company} {kind}", "{place} {kind}", "{kind} of {place}",
        "{last} & Sons", "{last} {kind}",
    )  # fmt: skip
    form = lists.chance.choice(forms)
    return form.format(
        company=lists.one("company"),
        kind=lists.one("kind"),
        place=_place(lists),
        last=lists.one("last"),
    )


def _place(lists: Lists) -> str:
    return lists.one("place").replace("_", " ")


def _date(lists: Lists) -> str:
    forms = ("{month}", "{day}", "{number} {month}", "{month} {year}", "{day} , {number} {month}")
    return lists.chance.choice(forms).format(
        month=lists.chance.choice(MONTHS),
        day=lists.chance.choice(DAYS),
        number=lists.chance.randint(1, 31),
        year=lists.chance.randint(1990, 2029),
    )


ENTITIES: Mapping[str, Callable[[Lists], str]] = {
    "PER": _person,
    "ORG": _organisation,
    "LOC": _place,
    "DATE": _date,
}


def vocabulary(sentences: Iterable[Sentence]) -> list[str]:
    """All words in lower case, after the padding and the unknown word: lines count from 0."""
    found = {word.lower() for made in sentences for word, _ in made}
    return [PADDING, UNKNOWN, *sorted(found)]


def shape(word: str) -> int:
    """1 lower case, 2 capital first, 3 all capitals, 4 digits, 5 anything else; 0 is no word."""
    if word.isdigit():
        return 4
    if not word.isalpha():
        return 5
    if word.isupper():
        return 3
    return 2 if word[0].isupper() else 1


def tensors(sentences: Sequence[Sentence], words: Sequence[str]) -> Mapping[str, Tensor]:
    """``input/words``, ``input/shapes`` and ``label``, int64 [n, 24] each."""
    numbers = {word: number for number, word in enumerate(words)}
    unknown = numbers[UNKNOWN]
    rows = [[numbers.get(word.lower(), unknown) for word, _ in made] for made in sentences]
    shapes = [[shape(word) for word, _ in made] for made in sentences]
    labels = [[LABELS.index(label) for _, label in made] for made in sentences]
    return {
        "input/words": _table(rows, numbers[PADDING]),
        "input/shapes": _table(shapes, 0),
        "label": _table(labels, NO_WORD),
    }


def _table(rows: Sequence[Sequence[int]], padding: int) -> Tensor:
    filled = (n for row in rows for n in [*row, *[padding] * (TOKENS - len(row))])
    return integers(filled, len(rows), TOKENS)
