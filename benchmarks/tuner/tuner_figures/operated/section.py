"""T3.operator on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import GROUP

_HOW = """\

### Through the operator

The goal in the spec of a ModelService with two replicas on a local cluster is changed while
requests come at random times through its Service, each on a connection of its own. *Tuned beside
it*: a tune Job measures on the same cores; *load in place*: from its end until every replica serves
the new setting, its trial on one replica included. The pods are the same ones all the time. Beside
it the time before each change.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    rows = [item for item in document.rows if item.group == GROUP]
    return [_HOW, *table(rows, "meanwhile")] if rows else []
