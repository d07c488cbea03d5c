"""D on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document

from autoscaling_figures.sections import section

_WORDS = """
## D: how long a decision takes

One round on one core, from ten scrapes of each replica to decisions in words; all services want
more than there is. Memory: what is remembered of a service, written down, over a day.
"""
_TABLES = {
    "D": ("", ""),
}


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    return section(document, _WORDS, _TABLES, "")
