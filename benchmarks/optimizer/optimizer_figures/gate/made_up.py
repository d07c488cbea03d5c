"""Rows that an example makes up itself: as many as are wanted, by its own generator.

Runs in the builder's environment.
"""

from __future__ import annotations

from typing import Any

from modelservice_runtime.builder.evaluation.fitting import fit_labels

from .example_code import array, data_script
from .population import Population, Table
from .sources import Place

_RATINGS_OF_A_READER = 5


def tagged_sentences(place: Place, rows: int, seed: int) -> Population:
    """``words`` and ``shapes``, int64 [n, 24], and the tags; the generator has its own seed."""
    del seed
    data = data_script(place.repository, "token-tagger")
    data.EVALUATION_ROWS = rows
    training, evaluation = data.parts()
    return _table(data.tensors(evaluation, data.vocabulary(training)))


def ratings(place: Place, rows: int, seed: int) -> Population:
    """``history``, int64 [n, 10], ``book``, int64 [n, 1], and the ratings; own seed as well."""
    del seed
    data = data_script(place.repository, "recommender")
    data.EVALUATION_READERS = -(-rows // _RATINGS_OF_A_READER)
    _, evaluation = data.parts()
    return _table(data.tensors(evaluation[:rows]))


def _table(tensors: Any) -> Table:  # noqa: ANN401 - the examples' preparing.tensors.Tensor by name
    arrays = {name: array(tensor) for name, tensor in tensors.items()}
    given = arrays.pop("label")
    labels = fit_labels(given, "label", range(len(given)))
    return Table.of({n.removeprefix("input/"): a for n, a in arrays.items()}, labels)
