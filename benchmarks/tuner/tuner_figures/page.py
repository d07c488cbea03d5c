"""``results.json`` as docs/tuner.md: between two markers, what stands around them stays. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.page import machine_line, targets_table, versions_line

from .capacity import section as capacity
from .fidelity import section as fidelity
from .memory import section as memory
from .operated import section as operated
from .rates import section as rates
from .retune import section as retune
from .search import section as search

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_HEAD = """\
## Figures

Measured, not tested: figures depend on the machine and on what else runs there.
`python benchmarks/tuner/table.py` makes this part from
[results.json](../benchmarks/tuner/results.json), and `make bench-tuner` measures.

{machine}. {versions}.
"""
_NONE = "## Figures\n\nNothing was measured yet: `make bench-tuner`."
#: One for each figure, in the page's order: its lines, none while it was not measured.
_SECTIONS = (
    search.lines, rates.lines, retune.lines, operated.lines, fidelity.lines, memory.lines,
    capacity.lines,
)  # fmt: skip


def figures(document: Document) -> str:
    """What stands between the markers."""
    if not document.rows:
        return _NONE
    head = _HEAD.format(machine=machine_line(document), versions=versions_line(document))
    sections = [line for lines in _SECTIONS for line in lines(document)]
    return "\n".join([head, *targets_table(document), *sections])


def renewed(page: str, document: Document) -> str:
    """The page with its figures in place of those that it had.

    Raises:
        ValueError: it has not each marker once, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in before or END in after:
        raise ValueError(f"the page needs {BEGIN} and {END} once each, in this order")
    return f"{before}{BEGIN}\n{figures(document)}\n{END}{after}"
