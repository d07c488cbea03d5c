"""T4 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## T4: the simulation beside the server

Ten configurations of each model: seven settings in a closed loop, and three of them at random times
at a share of that: measured, simulated from the curves that the tuner measures itself in a tuning
for that kind of load, and measured again, to see what a perfect simulation would be off by.
*Calibrated*: put right by one measured run for each way to use the cores, of the same kind of load,
as such a tuning does it; none of these is one of the ten. Errors are medians, with the least and
the most; rows per second, ranks and *regret* (what is lost by taking the setting that comes out
first) are those of the closed loops, since at a rate whatever is sent is answered.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    groups = [g for g in document.groups() if g.startswith(f"{FIGURE}.")]
    made = [_HOW] if groups else []
    for group in groups:
        rows = [item for item in document.rows if item.group == group]
        made += [f"### {group.removeprefix(f'{FIGURE}.')}", "", *table(rows, "beside measured"), ""]
    return made[:-1]
