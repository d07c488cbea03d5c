"""O4 on the page. Pure."""

from __future__ import annotations

from dataclasses import replace

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## O4: memory

The most resident memory of each process of a build, as the build's report has it, beside that of a
bare process that imports the same frameworks and does nothing. Of each kind of process the worst
one. All processes together: looked at four times a second from outside, without pages of files,
which the kernel can drop; that is what counts against a container's limit.

The source model's process runs it in its own framework at the largest batch, since candidates are
compared with that: what its activations take then (large for pictures) no builder can save.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    rows = [item for item in document.rows if item.group.startswith(f"{FIGURE}.")]
    cases = {item.group: item.group.removeprefix(f"{FIGURE}.") for item in rows}
    whole = [replace(item, of=cases[item.group]) for item in rows if not item.of]
    parts = [replace(item, of=f"{cases[item.group]}: {item.of}") for item in rows if item.of]
    if not rows:
        return []
    return [_HOW, *table(whole, "build"), "", *table(parts, "process")]
