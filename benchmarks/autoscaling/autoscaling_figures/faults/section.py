"""C on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document

from autoscaling_figures.sections import section

_WORDS = """
## C: faults and steps

Three services on 26 GPUs, one of them rising to its peak; each fault holds for twenty minutes of
that. Prometheus is the only source of metrics here: the operator's second one, the replicas
themselves, is out too. *Given up while blind*: replicas, from a minute after the fault began.

C2: from 10 to 100 requests a second after an hour, starts of 45 s. The recipe on queue depth has
no queue policy, as where nobody sets one.
"""
_TABLES = {
    "C1": ("Violating requests of all three:", "fault"),
    "C1.added": ("", "who, fault"),
    "C1.blind": ("", "fault"),
    "C2": ("", "controller"),
}


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    return section(document, _WORDS, _TABLES, "fault")
