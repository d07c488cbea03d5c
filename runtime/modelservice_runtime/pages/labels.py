"""Where the words of a picture go: beside their marks, over nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Of the 12 px font, on average; a little too much is better than too little.
CHARACTER = 6.7
HEIGHT = 14.0
_GAP = 3.0
_RINGS = (0.0, 8.0, 18.0, 30.0, 44.0, 62.0, 84.0, 110.0, 140.0)
_TURNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two share any area."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Whether the other one is inside."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark around (x, y) that wants ``words`` beside it; ``near``: only where no line leads."""

    x: float
    y: float
    radius: float
    words: str
    near: bool = False

    @property
    def box(self) -> Box:
        """What it covers."""
        r = self.radius
        return Box(left=self.x - r, top=self.y - r, right=self.x + r, bottom=self.y + r)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The words in their box, for the mark number ``mark``; ``far``: needs a line to it."""

    mark: int
    box: Box
    words: str
    far: bool


def place(marks: Sequence[Mark], area: Box, occupied: Sequence[Box] = ()) -> list[Label]:
    """A place for the words of each mark, in order; one that finds none has no label."""
    taken = [*occupied, *(mark.box for mark in marks)]
    found = []
    for number, mark in enumerate(marks):
        for box, far in _places(mark):
            free = area.holds(box) and not any(box.meets(other) for other in taken)
            if mark.words and free:
                taken.append(box)
                found.append(Label(mark=number, box=box, words=mark.words, far=far))
                break
    return found


def spread(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """``heights`` moved apart to at least a line each, in their order, within the bounds."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed = list(heights)
    floor = top
    for index in order:
        placed[index] = max(heights[index], floor)
        floor = placed[index] + HEIGHT
    ceiling = bottom
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - HEIGHT
    return placed


def width(words: str) -> float:
    """About how long the words are."""
    return len(words) * CHARACTER


def _places(mark: Mark) -> Iterator[tuple[Box, bool]]:
    """Right of the mark first, then around it, then farther and farther away."""
    wide = width(mark.words)
    for ring in _RINGS[:2] if mark.near else _RINGS:
        for turn in sorted(range(_TURNS), key=lambda t: (min(t, _TURNS - t), t)):
            angle = 2 * math.pi * turn / _TURNS
            reach = mark.radius + _GAP + ring
            # The nearest corner or edge of the box lies at ``reach``.
            x = mark.x + math.cos(angle) * (reach + wide / 2)
            y = mark.y + math.sin(angle) * (reach + HEIGHT / 2)
            box = Box(
                left=x - wide / 2, top=y - HEIGHT / 2, right=x + wide / 2, bottom=y + HEIGHT / 2
            )
            yield box, ring > _RINGS[1]
