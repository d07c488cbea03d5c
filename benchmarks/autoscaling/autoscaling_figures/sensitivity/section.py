"""S on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document

from autoscaling_figures.sections import section

_WORDS = """
## S: what each constant is worth

All constants were chosen on made-up traffic, none on recorded traffic. Each at half and at twice
its value, the others as they are, on made-up traffic, two seeds. GPU-seconds are beside those of
the product as it is.
"""
_TABLES = {
    "S.alone": ("One service, starts of 60 s:", "constant"),
    "S.shared": ("Ten services on 24 GPUs:", "constant"),
    "S.overlooked": (
        "The one service, with batchers that [overlook who waits](tuner.md) (T7):",
        "overlooked",
    ),
}


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    return section(document, _WORDS, _TABLES, "constant")
