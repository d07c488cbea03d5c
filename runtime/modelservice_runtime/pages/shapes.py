"""The outlines of marks, as paths around a point: (x, y, radius) to the path's data."""

from __future__ import annotations

import math
from collections.abc import Callable

from .markup import Html

Shape = Callable[[float, float, float], str]


def polygon(*angles: float, inner: float = 1.0) -> Shape:
    """Corners at these angles, 0 is up; ``inner``: how far out every second one is."""

    def shape(x: float, y: float, radius: float) -> str:
        corners = []
        for number, angle in enumerate(angles):
            reach = radius * (inner if number % 2 else 1.0)
            turn = math.radians(angle - 90)
            corners.append(f"{x + reach * math.cos(turn):.1f} {y + reach * math.sin(turn):.1f}")
        return f"M{' L'.join(corners)}Z"

    return shape


def circle(x: float, y: float, radius: float) -> str:
    """A circle."""
    arc = f"a{radius:.1f} {radius:.1f} 0 1 0"
    return f"M{x - radius:.1f} {y:.1f}{arc} {2 * radius:.1f} 0{arc} {-2 * radius:.1f} 0Z"


star = polygon(*(36.0 * turn for turn in range(10)), inner=0.5)
diamond = polygon(0, 90, 180, 270)
square = polygon(45, 135, 225, 315)
up = polygon(0, 120, 240)
down = polygon(180, 300, 60)


def drawn(shape: Shape, kinds: str, x: float, y: float, radius: float) -> Html:
    """The mark; ``kinds``: classes of the style sheet."""
    return Html(f'<path class="{kinds}" d="{shape(x, y, radius)}"/>')


def sample(mark: Html) -> Html:
    """A small picture of a mark that was drawn around (8, 8), for legends and tables."""
    return Html(f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">{mark}</svg>')
