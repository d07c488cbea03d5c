"""``results.json`` as docs/autoscaling.md: between two markers, the rest stays. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.page import machine_line, targets_table, versions_line

from .budget import section as budget
from .decisions import section as decisions
from .faults import section as faults
from .known import section as known
from .sensitivity import section as sensitivity
from .single import section as single

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_HEAD = """\
## Figures

Simulated, from seeds: the same run gives the same figures, but for the times of D.
`python benchmarks/autoscaling/table.py` makes this part from
[results.json](../benchmarks/autoscaling/results.json), and `make bench-autoscaling` measures.

{machine}. {versions}.
"""
_NONE = "## Figures\n\nNothing was measured yet: `make bench-autoscaling`."
#: One for each figure, in the page's order: its lines, none while it was not measured.
_SECTIONS = (
    single.lines, budget.lines, faults.lines, decisions.lines, known.lines, sensitivity.lines,
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
