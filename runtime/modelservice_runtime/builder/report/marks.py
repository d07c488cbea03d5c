"""A shape and a colour for each outcome, so that either alone tells them apart."""

from __future__ import annotations

from modelservice_runtime.builder.judged import (
    CHOSEN,
    FAILED,
    FINALIST,
    PASSED,
    REJECTED,
    SKIPPED,
    UNDECIDED,
)
from modelservice_runtime.pages import shapes
from modelservice_runtime.pages.markup import Html

#: In words, for the legend.
MEANING = {
    CHOSEN: "chosen",
    FINALIST: "goes along to the tuning",
    PASSED: "within the goals",
    REJECTED: "rejected",
    UNDECIDED: "too few samples to tell",
    FAILED: "could not be made",
    SKIPPED: "no time for it",
}


def mark(outcome: str, x: float, y: float, radius: float, *, proven: bool = True) -> Html:
    """The mark of an outcome around (x, y); hollow where nothing was proven."""
    kinds = f"o-{outcome.lower()}" + ("" if proven else " open")
    return shapes.drawn(_SHAPES.get(outcome, shapes.circle), kinds, x, y, radius)


def sample(outcome: str) -> Html:
    """A small picture of it, for legends and tables."""
    return shapes.sample(mark(outcome, 8, 8, 6))


_SHAPES = {
    CHOSEN: shapes.star,
    FINALIST: shapes.diamond,
    PASSED: shapes.circle,
    REJECTED: shapes.down,
    UNDECIDED: shapes.square,
    FAILED: shapes.up,
    SKIPPED: shapes.circle,
}
