"""``results.json`` as docs/optimizer.md. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.page import machine_line, targets_table, versions_line

from .gate import section as gate
from .memory import section as memory
from .search import section as search
from .speed import section as speed

_HEAD = """\
# Figures of the artifact builder

Measured, not tested: figures depend on the machine and on what else runs there.
`python benchmarks/optimizer/table.py` makes this page from
[results.json](../benchmarks/optimizer/results.json), and `make bench-optimizer` measures.

{machine}. {versions}.
"""
_NONE = "# Figures of the artifact builder\n\nNothing was measured yet: `make bench-optimizer`.\n"
#: One for each figure, in the page's order: its lines, none while it was not measured.
_SECTIONS = (speed.lines, gate.lines, search.lines, memory.lines)


def markdown(document: Document) -> str:
    """The page."""
    if not document.rows:
        return _NONE
    head = _HEAD.format(machine=machine_line(document), versions=versions_line(document))
    sections = [line for lines in _SECTIONS for line in lines(document)]
    return "\n".join([head, *targets_table(document), *sections, ""])
