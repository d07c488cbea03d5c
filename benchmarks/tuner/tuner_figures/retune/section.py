"""T3 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from tuner_figures.operated.findings import GROUP as OPERATED

from .findings import FIGURE

_HOW = """\

## T3: a tuning changed under traffic

Batch and instances of a running Triton changed every two seconds, while four clients ask as fast
as they are answered and a fifth at random times: *in place* as the product does it, and in the two
ways without it. *Refused*: by the queue's time limit, which is the goal; *worst*: the longest that
a request that was answered took. Beside a run without any change.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    groups = [g for g in document.groups() if g.startswith(f"{FIGURE}.") and g != OPERATED]
    made = [_HOW] if groups else []
    for group in groups:
        rows = [item for item in document.rows if item.group == group]
        made += [f"### {group.removeprefix(f'{FIGURE}.')}", "", *table(rows, "change"), ""]
    return made[:-1]
