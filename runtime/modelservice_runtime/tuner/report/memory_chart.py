"""The memory of a replica by part, predicted beside measured, with what the pod asks for."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages import axes, scales
from modelservice_runtime.pages.axes import Axis, Picture
from modelservice_runtime.pages.labels import width
from modelservice_runtime.pages.markup import Html, joined, paragraph, text

from . import words
from .document import MemoryView
from .memory_parts import COLOURS, Bar, Segment, bars

_WIDTH, _HEIGHT = 760.0, 250.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 84.0, 70.0, 740.0, 200.0
_THICK = 44.0
_MIB, _GIB = 2**20, 2**30
#: Of all that is drawn: less would be an empty picture.
_LEAST = float(_MIB)
#: From so many bytes on the axis is in GiB.
_LARGE = 8 * _GIB


def picture(memory: MemoryView) -> Html:
    """Two bars and the lines of request, limit and what is allowed; a sentence for no parts."""
    drawn = bars(memory)
    if not drawn:
        return paragraph("The memory was neither predicted nor measured.", "soft")
    asked = (memory.request_bytes, memory.limit_bytes, memory.allowed_bytes)
    largest = max(_LEAST, *asked, *(bar.total for bar in drawn))
    scale = scales.Scale(low=0.0, high=1.05 * largest, start=_LEFT, end=_RIGHT)
    image = Picture(
        name="memory",
        title="Memory of a replica by part",
        description="; ".join(_told(bar) for bar in drawn),
        width=_WIDTH,
        height=_HEIGHT,
    )
    step = (_BOTTOM - _TOP) / len(drawn)
    svg = image.draw(
        _axis(largest),
        *(_bar(bar, _TOP + (number + 0.5) * step, scale) for number, bar in enumerate(drawn)),
        _limits(memory, scale),
    )
    note = f"<figcaption>{text(memory.note)}</figcaption>" if memory.note else ""
    return joined((Html("<figure>"), svg, _legend(memory, drawn), Html(f"{note}</figure>")))


def _axis(largest: float) -> Html:
    unit, title = (_GIB, "GiB") if largest >= _LARGE else (_MIB, "MiB")
    scale = scales.Scale(low=0.0, high=1.05 * largest / unit, start=_LEFT, end=_RIGHT)
    return axes.horizontal(Axis(scale=scale, title=title, words=lambda v: f"{v:,g}"), _TOP, _BOTTOM)


def _bar(bar: Bar, middle: float, scale: scales.Scale) -> Html:
    parts = [axes.words(bar.name, _LEFT - 8, middle + 4, anchor="end")]
    start = 0
    for segment in bar.segments:
        end = start + segment.size
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
        x, y = scale.at(size), _TOP - 44 + 16 * number
        said = f"{name} {words.memory(size)}"
        parts.append(axes.line(kind, x, y + 4, x, _BOTTOM))
        left = x + 4 + width(said) > _WIDTH
        anchor, place = ("end", x - 4) if left else ("start", x + 4)
        parts.append(axes.words(said, place, y + 12, kind=f"{word} halo".strip(), anchor=anchor))
    return joined(parts)


def _legend(memory: MemoryView, drawn: Sequence[Bar]) -> Html:
    kinds = [(f"b-{n % COLOURS}", part.name) for n, part in enumerate(memory.parts)]
    rest = {each.name for bar in drawn for each in bar.segments if each.colour is None}
    kinds += [("rest", name) for name in sorted(rest)]
    items = "".join(
        f'<li><span class="swatch {kind}"></span>{text(name)}</li>' for kind, name in kinds
    )
    return Html(f'<ul class="legend">{items}</ul>' if items else "")


def _told(bar: Bar) -> str:
    told = ", ".join(f"{each.name} {words.memory(each.size)}" for each in bar.segments)
    return f"{bar.name} {words.memory(bar.total)}: {told}"
