"""``results.json`` as docs/autoscaling.md: between two markers, the rest stays. Pure."""

from __future__ import annotations

from bench_figures import page as shared
from bench_figures.document import Document

from .budget import section as budget
from .decisions import section as decisions
from .faults import section as faults
from .known import section as known
from .real import section as real
from .sensitivity import section as sensitivity
from .single import section as single

_HEAD = """\
## Figures

Simulated, from seeds, but for R: the same run gives the same figures, but for the times of D.
`python benchmarks/autoscaling/table.py` makes this part from
[results.json](../benchmarks/autoscaling/results.json), and `make bench-autoscaling` measures.

{machine}. {versions}.
"""
_NONE = "## Figures\n\nNothing was measured yet: `make bench-autoscaling`."
#: One for each figure, in the page's order: its lines, none while it was not measured.
_SECTIONS = (
    single.lines, budget.lines, faults.lines, decisions.lines, known.lines, sensitivity.lines,
    real.lines,
)  # fmt: skip


def figures(document: Document) -> str:
    """What stands between the markers."""
    return shared.figures(document, head=_HEAD, none=_NONE, sections=_SECTIONS)


def renewed(page: str, document: Document) -> str:
    """The page with its figures in place of those that it had.

    Raises:
        ValueError: it has not each marker once, in order.
    """
    return shared.renewed(page, figures(document))
