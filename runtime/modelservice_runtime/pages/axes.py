"""The frame of a picture: grid, ticks, titles, and what screen readers read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .markup import Html, joined, text
from .scales import Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """``words``: of a tick's value."""

    scale: Scale
    title: str
    words: Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An SVG of ``width`` · ``height`` user units. ``name``: unique on the page."""

    name: str
    title: str
    description: str
    width: float
    height: float

    def draw(self, *parts: str) -> Html:
        """The picture with its title and description, scrolling where the screen is narrow."""
        head = (
            f'<title id="{self.name}-title">{text(self.title)}</title>'
            f'<desc id="{self.name}-desc">{text(self.description)}</desc>'
        )
        return Html(
            f'<div class="scroll" role="region" tabindex="0" aria-label="{text(self.title)}">'
            f'<svg role="img" viewBox="0 0 {self.width:g} {self.height:g}"'
            f' aria-labelledby="{self.name}-title {self.name}-desc">{head}{joined(parts)}</svg>'
            "</div>"
        )


def horizontal(axis: Axis, top: float, bottom: float) -> Html:
    """The axis under the picture, with vertical grid lines from ``top`` to ``bottom``."""
    scale = axis.scale
    parts = []
    for value in scale.ticks():
        x = scale.at(value)
        parts.append(line("grid", x, top, x, bottom))
        parts.append(words(axis.words(value), x, bottom + 16, kind="tick", anchor="middle"))
    parts.append(line("axis", scale.start, bottom, scale.end, bottom))
    middle = (scale.start + scale.end) / 2
    parts.append(words(axis.title, middle, bottom + 36, kind="title", anchor="middle"))
    return joined(parts)


def vertical(axis: Axis, left: float, right: float) -> Html:
    """The axis at the left, its title above it, with horizontal grid lines."""
    scale = axis.scale
    parts = []
    for value in scale.ticks():
        y = scale.at(value)
        parts.append(line("grid", left, y, right, y))
        parts.append(words(axis.words(value), left - 7, y + 4, kind="tick", anchor="end"))
    parts.append(line("axis", left, scale.start, left, scale.end))
    parts.append(words(axis.title, 4, min(scale.start, scale.end) - 12, kind="title"))
    return joined(parts)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Html:
    """A straight line."""
    return Html(f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')


def words(value: str, x: float, y: float, *, kind: str = "", anchor: str = "start") -> Html:
    """Text whose base line begins, ends or is centred at (x, y)."""
    kinds = f' class="{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return Html(f"<text {place}{kinds}>{text(value)}</text>")
