"""The rows that samples are drawn from: 10,000 or more for each example.

Runs in the builder's environment. The examples' own evaluation data are too few, so they are
widened: by the example's generator where it has one, by seeded changes of its pictures, by more
sentences of the same sort. That makes some of them harder than the example's own; the truth is
what the source model and the faulty one make of these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import cut_outs, digits, made_up, sentences
from .population import Population
from .sources import Place

SEED = 20240607
_MAKE: Mapping[str, Callable[[Place, int, int], Population]] = {
    "digits": digits.population,
    "image-classifier": cut_outs.population,
    "recommender": made_up.ratings,
    "sentence-encoder": sentences.population,
    "token-tagger": made_up.tagged_sentences,
}


def population(place: Place, example: str, rows: int) -> Population:
    """``rows`` rows for the model of ``example``, the same every time.

    Raises:
        ValueError: there are not so many.
        KeyError: no population of that name.
    """
    found = _MAKE[example](place, rows, SEED)
    if len(found) < rows:
        raise ValueError(f"{example}: {len(found)} rows, {rows} are wanted")
    return found
