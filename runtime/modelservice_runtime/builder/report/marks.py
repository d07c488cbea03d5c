"""A shape and a colour for each outcome, so that either alone tells them apart."""

from __future__ import annotations

import math
from collections.abc import Callable

from modelservice_runtime.builder.judged import (
    CHOSEN,
    FAILED,
    FINALIST,
    PASSED,
    REJECTED,
    SKIPPED,
    UNDECIDED,
)

from .markup import Html

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
    shape = _SHAPES.get(outcome, _circle)(x, y, radius)
    return Html(f'<path class="{kinds}" d="{shape}"/>')


def sample(outcome: str) -> Html:
    """A small picture of it, for legends and tables."""
    drawn = mark(outcome, 8, 8, 6)
    return Html(f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">{drawn}</svg>')


def _polygon(*angles: float, inner: float = 1.0) -> Callable[[float, float, float], str]:
    def shape(x: float, y: float, radius: float) -> str:
        corners = []
        for number, angle in enumerate(angles):
            reach = radius * (inner if number % 2 else 1.0)
            turn = math.radians(angle - 90)
            corners.append(f"{x + reach * math.cos(turn):.1f} {y + reach * math.sin(turn):.1f}")
        return f"M{' L'.join(corners)}Z"

    return shape


def _circle(x: float, y: float, radius: float) -> str:
    arc = f"a{radius:.1f} {radius:.1f} 0 1 0"
    return f"M{x - radius:.1f} {y:.1f}{arc} {2 * radius:.1f} 0{arc} {-2 * radius:.1f} 0Z"


_SHAPES = {
    CHOSEN: _polygon(*(36.0 * turn for turn in range(10)), inner=0.5),
    FINALIST: _polygon(0, 90, 180, 270),
    PASSED: _circle,
    REJECTED: _polygon(180, 300, 60),
    UNDECIDED: _polygon(45, 135, 225, 315),
    FAILED: _polygon(0, 120, 240),
    SKIPPED: _circle,
}
