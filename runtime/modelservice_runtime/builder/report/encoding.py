"""``report.json``: the report and what follows from it, sorted and indented."""

from __future__ import annotations

from modelservice_runtime.contract import codec
from modelservice_runtime.pages.indented import indented

from . import terms
from .document import Report
from .front import front
from .words import headline


def encode(report: Report) -> str:
    """The JSON text. Numbers that JSON does not know (NaN, Inf) become null.

    Beside the fields of ``Report``: ``oneLine``, ``front`` (names), ``pruning`` (the fit) and
    ``parallel``.
    """
    document = codec.encode(report)
    document["oneLine"] = headline(report)
    document["front"] = [candidate.recipe.name for candidate in front(report.candidates)]
    document["pruning"] = codec.encode(terms.fit_pruning(report.candidates))
    document["parallel"] = codec.encode(terms.parallel(report.cost))
    return indented(document)
