"""``results.json`` as docs/tuner.md: between two markers, what stands around them stays. Pure."""

from __future__ import annotations

from bench_figures import page as shared
from bench_figures.document import Document

from .capacity import section as capacity
from .fidelity import section as fidelity
from .limits import section as limits
from .memory import section as memory
from .operated import section as operated
from .rates import section as rates
from .retune import section as retune
from .search import section as search

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
    capacity.lines, limits.lines,
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
