"""T7 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## T7: what a limit on waiting costs

One Triton, with the model that waits of T6 and a goal of four lone executions, at light loads, with
the limit on waiting that a tuning sets and without any. With one, a request that comes while all
instances execute may be overlooked when they end: Triton's batcher sleeps on until the next request
comes, and at light loads that is too late. *Simulated*: by the tuner's batcher, which overlooks one
such moment in ten: a figure that comes from the first of these runs.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    rows = [item for item in document.rows if item.group == FIGURE]
    return [_HOW, *table(rows, "load")] if rows else []
