"""Lines over the batch size: times with their intervals, each line's name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import axes, labels, scales
from .axes import Axis, Picture
from .figures import shortened
from .markup import Html, joined
from .scales import Scale

#: So many lines beside the first can be told apart.
MOST_LINES = 6
_WIDTH, _HEIGHT = 760.0, 400.0
_LEFT, _TOP, _BOTTOM = 64.0, 40.0, 350.0
#: Where the names begin, unless they need more room.
_RIGHT = 540.0
_DASHES = ("", "", "", "7 3", "2 3", "8 3 2 3", "1 4")
#: Nearer to each other than this, not every batch size has room under the axis.
_TICK = 24.0
#: On a logarithmic axis a time of zero has no place: below a nanosecond is one.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Milliseconds, with its interval."""

    batch: int
    value: float
    low: float
    high: float


def point(batch: int, value: float, low: float, high: float) -> Point:
    """One whose interval holds its value."""
    return Point(
        batch=batch,
        value=max(value, _LEAST),
        low=max(min(low, value), _LEAST),
        high=max(high, value, _LEAST),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One of at most ``MOST_LINES`` + 1, with a point at least. ``colour``: 0 (grey) … 6."""

    name: str
    colour: int
    points: Sequence[Point]


def drawn(
    name: str,
    *,
    title: str,
    scale_title: str,
    description: str,
    lines: Sequence[Line],
    right: float = _RIGHT,
    apart: float = 4.0,
) -> Html:
    """The picture. ``name``: unique on the page; ``right``: of the lines' area, names follow.

    ``apart``: the intervals of several lines, or they would hide each other where these are near.
    """
    batches = sorted({point.batch for line in lines for point in line.points})
    values = [v for line in lines for point in line.points for v in (point.low, point.high)]
    x_places = _places(batches, right)
    y_scale = scales.spanning_logs(values, _BOTTOM, _TOP)
    image = Picture(name=name, title=title, description=description, width=_WIDTH, height=_HEIGHT)
    y_axis = Axis(scale=y_scale, title=scale_title, words=lambda v: f"{v:g}")
    return image.draw(
        axes.vertical(y_axis, _LEFT, right),
        _batch_axis(x_places, right),
        *(_line(line, x_places, y_scale, apart) for line in lines),
        _ends(lines, x_places, y_scale, right),
    )


def _places(batches: Sequence[int], right: float) -> dict[int, float]:
    """Batch sizes at equal distances."""
    if len(batches) == 1:
        return {batches[0]: (_LEFT + right) / 2}
    scale = Scale(low=0, high=len(batches) - 1, start=_LEFT + 24, end=right - 24)
    return {batch: scale.at(number) for number, batch in enumerate(batches)}


def _batch_axis(places: dict[int, float], right: float) -> Html:
    parts = [axes.line("axis", _LEFT, _BOTTOM, right, _BOTTOM)]
    free = _LEFT
    for batch, x in places.items():
        parts.append(axes.line("grid", x, _TOP, x, _BOTTOM))
        if x >= free:
            parts.append(axes.words(f"{batch}", x, _BOTTOM + 16, kind="tick", anchor="middle"))
            free = x + _TICK
    middle = (_LEFT + right) / 2
    parts.append(axes.words("batch size", middle, _BOTTOM + 36, kind="title", anchor="middle"))
    return joined(parts)


def _line(line: Line, places: dict[int, float], scale: Scale, apart: float) -> Html:
    number = line.colour
    dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    path = "L".join(f"{places[p.batch]:.1f} {scale.at(p.value):.1f}" for p in line.points)
    parts = [Html(f'<path class="l-{number}"{dash} d="M{path}"/>')]
    for each in line.points:
        x = places[each.batch] + apart * (number - MOST_LINES / 2)
        parts.append(axes.line(f"reach l-{number}", x, scale.at(each.low), x, scale.at(each.high)))
        parts.append(
            Html(
                f'<circle class="p-{number}" cx="{places[each.batch]:.1f}"'
                f' cy="{scale.at(each.value):.1f}" r="3.5"/>'
            )
        )
    return joined(parts)


def _ends(lines: Sequence[Line], places: dict[int, float], scale: Scale, right: float) -> Html:
    """Each line's name at its right end."""
    room = int((_WIDTH - right - 28) / labels.CHARACTER)
    ends = [scale.at(line.points[-1].value) for line in lines]
    heights = labels.spread(ends, _TOP + 6, _BOTTOM - 2)
    parts = []
    for line, end, height in zip(lines, ends, heights, strict=True):
        x = places[line.points[-1].batch]
        parts.append(axes.line("lead", x + 5, end, right + 2, height))
        parts.append(axes.line(f"l-{line.colour}", right + 2, height, right + 16, height))
        said = shortened(line.name, room)
        parts.append(axes.words(said, right + 22, height + 4, kind="halo"))
    return joined(parts)
