"""Of what the bars of the memory's picture are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .document import MemoryView

#: Parts beyond these have the colours of the first ones again.
COLOURS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """``colour``: of its part; None for what no part accounts for."""

    name: str
    size: int
    colour: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Segments side by side."""

    name: str
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """Its length."""
        return sum(segment.size for segment in self.segments)


def bars(memory: MemoryView) -> tuple[Bar, ...]:
    """Predicted and measured, those of them that have anything to show."""
    names = [part.name for part in memory.parts]
    sizes = [part.predicted_bytes for part in memory.parts]
    found = [part.measured_bytes or 0 for part in memory.parts]
    both = (
        Bar(name="predicted", segments=_segments(names, sizes, memory.predicted_bytes)),
        Bar(name="measured", segments=_segments(names, found, memory.measured_bytes or 0)),
    )
    return tuple(bar for bar in both if bar.segments)


def _segments(names: Iterable[str], sizes: Iterable[int], total: int) -> tuple[Segment, ...]:
    """The parts that are told apart, and the rest of all."""
    found = [
        Segment(name=name, size=size, colour=number % COLOURS)
        for number, (name, size) in enumerate(zip(names, sizes, strict=True))
        if size > 0
    ]
    rest = total - sum(segment.size for segment in found)
    if rest > 0:
        found.append(Segment(name="not told apart", size=rest, colour=None))
    return tuple(found)
