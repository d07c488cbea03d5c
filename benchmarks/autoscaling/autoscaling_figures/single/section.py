"""A on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document

from autoscaling_figures.sections import section

_WORDS = """
## A: one service, as many GPUs as it asks for

The busiest three hours of each recorded series (those with 10 requests a minute at least and peaks
below 20 times the mean; three of a file, those that change most), and four that are made up, each
made so large that its mean takes six replicas. The model takes 60 + 20 ms x rows, batches up to 8,
and promises 500 ms to 99 of 100 requests; the queue policy refuses what would come too late, for
all of them. A start takes the seconds said in the median, 1.6 times that for one in twenty, and
three times as long for one in fifty. Each replica has a queue of its own and gets requests by
chance. Five seeds of arrivals, starts and scrapes (two where starts take 20 or 180 s); an interval
in brackets is, for seeds, the least and the most, for means over series 95 % of what blocks of
20 minutes, drawn anew, give.

*Ours* is the product at its defaults. Others take the same measured capacity. *In hindsight*: the
cheapest of 16 settings of HPA, 8 of KPA and 4 of Ray Serve on that very series, and mixes of two of
them; *at 0.5 %*: with so many violations. There ours has one setting too, the promised share (0.5,
1, 2, 4 %). *Chosen*: the one setting of a grid that keeps the promise on what is made up for least.
"""
_TABLES = {
    "A.violations": ("Violations, starts of 60 s:", ""),
    "A.seconds": ("GPU-seconds beside those of the load known in advance, starts of 60 s:", ""),
    "A1.20s": ("GPU-seconds, ours / best peer in hindsight, starts of 20 s:", ""),
    "A1.60s": ("Starts of 60 s:", ""),
    "A1.180s": ("Starts of 180 s:", ""),
    "A2": ("Ours / ratio rules as they are set up without hindsight:", "pair"),
    "A3": ("Ours / known in advance:", ""),
    "A4": ("", "pair"),
    "A5": ("Ours / recipes on queues:", "pair"),
    "A.pooled.violations": (
        "*Pooled*, each request to the replica with the fewest open ones, two seeds; violations:",
        "",
    ),
    "A.pooled.seconds": ("GPU-seconds beside those of the load known in advance:", ""),
}


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    return section(document, _WORDS, _TABLES, "series")
