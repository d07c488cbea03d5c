"""The memory of a replica by part, predicted beside measured, with what the pod asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.pages import axes, scales
from modelservice_runtime.pages.axes import Axis, Picture
from modelservice_runtime.pages.labels import width
from modelservice_runtime.pages.markup import Column, Html, joined, pairs, paragraph, table, text

from . import words
from .document import MemoryView

_WIDTH, _HEIGHT = 760.0, 250.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 84.0, 70.0, 740.0, 200.0
_THICK = 44.0
_COLOURS = 7
_MIB = 2**20
#: Of all that is drawn: less would be an empty picture.
_LEAST = float(_MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """``colour``: of its part; None for what no part accounts for."""

    name: str
    size: int
    colour: int | None


def picture(memory: MemoryView) -> Html:
    """Two bars and the lines of request, limit and what is allowed; a sentence for no parts."""
    if not memory.parts and not memory.measured_bytes:
        return paragraph("The memory was neither predicted nor measured.", "soft")
    bars = [
        ("predicted", predicted(memory), memory.predicted_bytes),
        ("measured", measured(memory), memory.measured_bytes or 0),
    ]
    bars = [bar for bar in bars if bar[1]]
    largest = max(
        _LEAST,
        memory.request_bytes,
        memory.limit_bytes,
        memory.allowed_bytes,
        *(sum(segment.size for segment in segments) for _, segments, _ in bars),
    )
    scale = scales.Scale(low=0.0, high=1.05 * largest / _MIB, start=_LEFT, end=_RIGHT)
    image = Picture(
        name="memory",
        title="Memory of a replica by part",
        description="; ".join(_told(name, segments, total) for name, segments, total in bars),
        width=_WIDTH,
        height=_HEIGHT,
    )
    step = (_BOTTOM - _TOP) / len(bars)
    svg = image.draw(
        axes.horizontal(Axis(scale=scale, title="MiB", words=lambda v: f"{v:,g}"), _TOP, _BOTTOM),
        *(
            _bar(name, segments, _TOP + (number + 0.5) * step, scale)
            for number, (name, segments, _) in enumerate(bars)
        ),
        _limits(memory, scale),
    )
    note = f"<figcaption>{text(memory.note)}</figcaption>" if memory.note else ""
    return joined((Html("<figure>"), svg, _legend(memory), Html(f"{note}</figure>")))


def predicted(memory: MemoryView) -> list[Segment]:
    """Every part."""
    return [
        Segment(name=part.name, size=part.predicted_bytes, colour=number % _COLOURS)
        for number, part in enumerate(memory.parts)
        if part.predicted_bytes > 0
    ]


def measured(memory: MemoryView) -> list[Segment]:
    """The parts that could be told apart, and the rest of what was measured."""
    found = [
        Segment(name=part.name, size=part.measured_bytes, colour=number % _COLOURS)
        for number, part in enumerate(memory.parts)
        if part.measured_bytes is not None and part.measured_bytes > 0
    ]
    rest = (memory.measured_bytes or 0) - sum(segment.size for segment in found)
    if rest > 0:
        found.append(Segment(name="not told apart", size=rest, colour=None))
    return found


def memory_table(memory: MemoryView) -> Html:
    """The same in figures, and what the pod asks for."""
    columns = [Column(title="part"), *(Column(title=t, number=True) for t in _TITLES)]
    rows = [_row(part.name, part.predicted_bytes, part.measured_bytes) for part in memory.parts]
    rows.append(_row("altogether", memory.predicted_bytes, memory.measured_bytes or None))
    asked = [
        ("The pod's request", words.memory(memory.request_bytes)),
        ("The pod's limit", words.memory(memory.limit_bytes)),
        ("Allowed at most", words.memory(memory.allowed_bytes) if memory.allowed_bytes else "any"),
    ]
    by_part = table(columns, rows, "Memory of a replica by part")
    return joined((by_part, pairs(asked, "Memory that the pod asks for")))


_TITLES = ("predicted", "measured", "off")


def _row(name: str, predicted_: int, measured_: int | None) -> tuple[str, str, str, str]:
    off = words.signed(words.off(predicted_, measured_))
    return name, words.memory(predicted_), words.memory(measured_), off


def _bar(name: str, segments: Sequence[Segment], middle: float, scale: scales.Scale) -> Html:
    parts = [axes.words(name, _LEFT - 8, middle + 4, anchor="end")]
    start = 0.0
    for segment in segments:
        end = start + segment.size / _MIB
        parts.append(_segment(segment, scale.at(start), scale.at(end), middle))
        start = end
    return joined(parts)


def _segment(segment: Segment, left: float, right: float, middle: float) -> Html:
    kind = "rest" if segment.colour is None else f"segment b-{segment.colour}"
    hint = text(f"{segment.name}: {words.memory(segment.size)}")
    said = words.memory(segment.size)
    word = Html("")
    if width(said) + 6 < right - left:
        word = axes.words(said, (left + right) / 2, middle + 4, anchor="middle")
    return Html(
        f'<g><title>{hint}</title><rect class="{kind}" x="{left:.1f}"'
        f' y="{middle - _THICK / 2:.1f}" width="{max(right - left, 0.5):.1f}"'
        f' height="{_THICK:g}"/>{word}</g>'
    )


def _limits(memory: MemoryView, scale: scales.Scale) -> Html:
    """Each on a height of its own, so that no words meet."""
    lines = (
        ("ask", "request", memory.request_bytes, ""),
        ("limit", "limit", memory.limit_bytes, "limit-word"),
        ("limit", "allowed", memory.allowed_bytes, "limit-word"),
    )
    parts = []
    for number, (kind, name, size, word) in enumerate(lines):
        if not size:
            continue
        x, y = scale.at(size / _MIB), _TOP - 44 + 16 * number
        said = f"{name} {words.memory(size)}"
        parts.append(axes.line(kind, x, y + 4, x, _BOTTOM))
        left = x + 4 + width(said) > _WIDTH
        anchor, place = ("end", x - 4) if left else ("start", x + 4)
        parts.append(axes.words(said, place, y + 12, kind=f"{word} halo".strip(), anchor=anchor))
    return joined(parts)


def _legend(memory: MemoryView) -> Html:
    kinds = [(f"b-{n % _COLOURS}", part.name) for n, part in enumerate(memory.parts)]
    kinds += [("rest", segment.name) for segment in measured(memory) if segment.colour is None]
    items = "".join(
        f'<li><span class="swatch {kind}"></span>{text(name)}</li>' for kind, name in kinds
    )
    return Html(f'<ul class="legend">{items}</ul>' if items else "")


def _told(name: str, segments: Sequence[Segment], total: int) -> str:
    told = ", ".join(f"{segment.name} {words.memory(segment.size)}" for segment in segments)
    return f"{name} {words.memory(total)}: {told}"
