"""``results.json`` as a page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.page import machine_line, rows_table, targets_table, versions_line

_HEAD = """\
# Figures

What version {version} promised, and what was measured. Measured, not tested: figures depend on
the machine and on what else runs there. `python benchmarks/spine/table.py` makes this page from
[results.json](../benchmarks/spine/results.json), and `benchmarks/spine/run.py` measures.

{machine}. {versions}.
"""
_METHOD = """\
- **F1, F2** on two cores, from a clone with empty caches (cold) or with full ones (warm). The first
  answer is the first one of the model, asked by its client.
- **F3** from `/proc` in the operator's pod, with one service that nobody asks, installed with the
  chart's defaults: it looks at the load every 10 s, and Prometheus scrapes it.
- **F4** from `kubectl apply` until the service is Ready with its tuned setting and nothing is under
  way, without the time in which the containers of its build Job and its tune Job ran.
- **F5** on one Triton, held to as many cores as a replica gets and loaded from the others: closed
  loop, single rows, 2 x batch x instances under way, every setting once in every round. Of those
  set by hand (one instance) only those count whose median p99 is within the goal. Where the tuned
  setting is also one of these, it is the same measurement, and the two are equal.
"""
_NONE = "# Figures\n\nNothing was measured yet: `benchmarks/spine/run.py` does it.\n"


def markdown(document: Document) -> str:
    """The page."""
    if not document.rows:
        return _NONE
    version = document.versions.get("modelservice-operator", "?")
    head = _HEAD.format(
        version=version, machine=machine_line(document), versions=versions_line(document)
    )
    rows = ["## All that was measured", "", *rows_table(document), ""]
    return "\n".join([head, *targets_table(document), "", "## How", "", _METHOD, *rows])
