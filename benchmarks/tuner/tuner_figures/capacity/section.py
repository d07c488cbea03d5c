"""T6 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .findings import FIGURE

_HOW = """\

## T6: capacity behind a Service

One, two and three real Tritons in a local cluster, behind its own Service, under Poisson arrivals,
each request on a connection of its own, so that the Service splits them at random one by one: at
R(c), what the tuner says that so many replicas carry, and at 1.15 times that, which should not
hold. *Beyond the goal*: answered later than that, or not at all; *sent late*: by the client, whose
doing that is. The model waits as a GPU would take for a batch, in place of computing, so that the
replicas do not fight for this machine's cores: the time of an execution is emulated by sleeping;
the server, the network and the tuner are not emulated.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    rows = [item for item in document.rows if item.group == FIGURE]
    return [_HOW, *table(rows, "replicas")] if rows else []
