"""T5 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## T5: the memory plan

What a replica needs with a setting, predicted from one instance with single rows and one with the
largest batch, beside the most that a fresh Triton with that setting had in ten looks a second under
full load: of the server and of all its instances, what they share divided among them.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    groups = [g for g in document.groups() if g.startswith(f"{FIGURE}.")]
    made = [_HOW] if groups else []
    for group in groups:
        rows = [item for item in document.rows if item.group == group]
        made += [f"### {group.removeprefix(f'{FIGURE}.')}", "", *table(rows, "setting"), ""]
    return made[:-1]
