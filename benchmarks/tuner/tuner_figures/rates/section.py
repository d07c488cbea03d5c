"""T2 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## T2: what a pick carries

Single rows at random times, not so many at a time. *Most*: the highest rate at which at most one
request in a hundred takes longer than the goal, found anew in every repeat; under Poisson arrivals
and in the same way under other traffic whose mean rate is that: of a recording its busiest minute,
or 60 lines, in one window. *In time at 80 %*: answers within the goal, a second, at that share of
the highest Poisson rate of our pick, the same rate for all.
Every request is counted from the load generator's own record; windows in which it sent more than a
fiftieth of them late do not count and are sent again, three times at most; a rate at which that is
not enough does not hold: Triton leaves no core for it. Of each search the pick that it made most
often; ours is told nothing of the traffic, and expects random arrivals then. The gain is that over
Model Analyzer's pick, which its target names: it optimizes so many requests at a time, and promises
nothing for these.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    groups = [g for g in document.groups() if g.startswith(f"{FIGURE}.")]
    if not groups:
        return []
    made = [_HOW]
    for group in groups:
        rows = [item for item in document.rows if item.group == group]
        name = group.removeprefix(f"{FIGURE}.")
        head = "our highest rate / Model Analyzer's" if name == "all" else "search: setting"
        made += [f"### {'All models' if name == 'all' else name}", "", *table(rows, head), ""]
    return made[:-1]
