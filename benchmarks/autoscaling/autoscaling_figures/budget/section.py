"""B on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document

from autoscaling_figures.sections import section

_WORDS = """
## B: ten services, fewer GPUs than they would have

One request after another, 180 ms each, 720 ms promised to 99 of 100, starts of 65 s; six hours of
a recorded mix, else of one that is made up. *First come*: HPA's wishes, and the scheduler gives
what is free to whoever asks. *Priorities*: a PriorityClass for each service, in their order.
*Faro-like*: utility solved by COBYLA every five minutes on the mean of the last two, and one more
every ten seconds where requests wait. *The bound*: an integer program for each minute on the true
rates, starts for nothing.
"""
_TABLES = {
    "B.missed": ("", "GPUs: controller"),
    "B1": ("Violating requests, ours / the other:", "GPUs: peer"),
    "B2": ("", ""),
    "B3": ("", ""),
    "B4": ("", ""),
    "B5": ("", ""),
    "B.pooled": ("Pooled (two seeds):", "GPUs: controller"),
}


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    return section(document, _WORDS, _TABLES, "who")
