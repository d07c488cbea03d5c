"""O3 on the page. Pure."""

from __future__ import annotations

from dataclasses import replace

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## O3: the search

The same build with one worker (on one core), with two, and once more with two and half of the time
that the second one took, each from an empty store. *max(t_i)*: of the longest chain of steps, which
no number of workers can beat; *least with so many workers*: that, or an equal share of all steps,
whichever is more. *Share*: how fast what was chosen in half of the time is, beside what the full
search chose, both as the full search measured them; 0 where half of the time was not enough for any
artifact. Times are those of the builder's own report.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    rows = [
        replace(item, of=f"{item.group.removeprefix(f'{FIGURE}.')}: {item.of}")
        for item in document.rows
        if item.group.startswith(f"{FIGURE}.")
    ]
    return [_HOW, *table(rows, "search")] if rows else []
