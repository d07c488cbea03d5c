"""A shape and a colour for each outcome, so that either alone tells them apart."""

from __future__ import annotations

from modelservice_runtime.pages import shapes
from modelservice_runtime.pages.markup import Html, text

from .document import CHOSEN, FINALIST, REJECTED, UNFIT

_SHAPES = {
    CHOSEN: shapes.star,
    FINALIST: shapes.diamond,
    REJECTED: shapes.circle,
    UNFIT: shapes.up,
}
_NAMES = {CHOSEN: "chosen", FINALIST: "finalist", REJECTED: "grey", UNFIT: "grey"}


def mark(outcome: str, x: float, y: float, radius: float, *, measured: bool) -> Html:
    """The mark of an outcome around (x, y); hollow where it is only simulated."""
    kinds = f"o-{_NAMES.get(outcome, 'grey')}" + ("" if measured else " open")
    return shapes.drawn(_SHAPES.get(outcome, shapes.circle), kinds, x, y, radius)


def sample(outcome: str) -> Html:
    """A small picture of it, for legends and tables."""
    return shapes.sample(mark(outcome, 8, 8, 6, measured=outcome in (CHOSEN, FINALIST)))


def said(outcome: str) -> Html:
    """The mark and the word."""
    kind = _NAMES.get(outcome, "grey")
    return Html(f'<span class="w-{kind}">{sample(outcome)}{text(outcome)}</span>')
