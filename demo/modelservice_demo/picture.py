"""The picture: load and capacity above, replicas below, over the same time. SVG as text, pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .scale import Axis, minutes, number, ticks
from .timeline import Moment, Sample

WIDTH, HEIGHT = 960, 470
_LEFT, _RIGHT = 58, 944
_LOAD_TOP, _LOAD_BOTTOM = 34, 270
_REPLICAS_TOP, _REPLICAS_BOTTOM = 314, 424
_LOAD_AXIS = Axis(high=1, start=_LOAD_BOTTOM, end=_LOAD_TOP)
_REPLICAS_AXIS = Axis(high=1, start=_REPLICAS_BOTTOM, end=_REPLICAS_TOP)
_COLOURS = {"offered": "#c2410c", "capacity": "#1d4ed8", "desired": "#94a3b8", "ready": "#15803d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing area with its two axes."""

    title: str
    x: Axis
    y: Axis
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]


def draw(samples: Sequence[Sample], moments: Sequence[Moment]) -> str:
    """The SVG element; with fewer than two samples, words instead of a picture."""
    if len(samples) < 2:  # noqa: PLR2004 - a line needs two points
        return "<p>No samples were taken.</p>"
    began, ended = samples[0].seconds, samples[-1].seconds
    shifted = [(item.seconds - began, item) for item in samples]
    x_ticks = [tick for tick in ticks(ended - began, 8) if tick <= ended - began]
    x = Axis(high=ended - began, start=_LEFT, end=_RIGHT)
    load = _panel("rows per second", x, x_ticks, _highest_rate(samples), _LOAD_AXIS)
    replicas = _panel("replicas", x, x_ticks, _highest_replicas(samples), _REPLICAS_AXIS)
    parts = [
        *_frame(load),
        *_frame(replicas, time_labels=True),
        *_decision_marks(moments, x, began, ended),
        _steps(load, shifted, "capacity", lambda item: item.capacity),
        _line(load, shifted, "offered", lambda item: item.offered),
        _steps(replicas, shifted, "desired", lambda item: item.desired),
        _steps(replicas, shifted, "ready", lambda item: item.ready),
        _legend(_LOAD_TOP - 14, [("offered", "offered load"), ("capacity", "measured capacity")]),
        _legend(_REPLICAS_TOP - 14, [("desired", "desired"), ("ready", "ready")]),
    ]
    body = "\n".join(parts)
    label = "Load, capacity and replicas over time"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        f'xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>'
    )


def _highest_rate(samples: Sequence[Sample]) -> float:
    return max(1.0, *(max(item.offered, item.capacity or 0.0) for item in samples))


def _highest_replicas(samples: Sequence[Sample]) -> float:
    return float(max(1, *(max(item.desired, item.ready) for item in samples)))


def _panel(title: str, x: Axis, x_ticks: Sequence[float], high: float, y: Axis) -> Panel:
    y_ticks = ticks(high, 5)
    if title == "replicas":
        y_ticks = [tick for tick in y_ticks if tick == int(tick)]
    y = Axis(high=max(high, y_ticks[-1]), start=y.start, end=y.end)
    return Panel(title=title, x=x, y=y, x_ticks=x_ticks, y_ticks=y_ticks)


def _frame(panel: Panel, *, time_labels: bool = False) -> Iterator[str]:
    top, bottom = panel.y.end, panel.y.start
    for tick in panel.y_ticks:
        height = panel.y.at(tick)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{height}" y2="{height}"/>'
        yield _text("tick", _LEFT - 8, height + 4, "end", number(tick))
    for tick in panel.x_ticks if time_labels else ():
        yield _text("tick", panel.x.at(tick), bottom + 18, "middle", minutes(tick))
    middle = (top + bottom) / 2
    yield (
        f'<text class="title" transform="rotate(-90 14 {middle})" x="14" y="{middle}" '
        f'text-anchor="middle">{escape(panel.title)}</text>'
    )


def _text(kind: str, x: float, y: float, anchor: str, words: str) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def _points(
    panel: Panel, shifted: Sequence[tuple[float, Sample]], value: Callable[[Sample], float | None]
) -> list[tuple[float, float]]:
    found = ((seconds, value(item)) for seconds, item in shifted)
    return [(panel.x.at(t), panel.y.at(v)) for t, v in found if v is not None]


def _line(
    panel: Panel,
    shifted: Sequence[tuple[float, Sample]],
    name: str,
    value: Callable[[Sample], float | None],
) -> str:
    return _path(name, _points(panel, shifted, value))


def _steps(
    panel: Panel,
    shifted: Sequence[tuple[float, Sample]],
    name: str,
    value: Callable[[Sample], float | None],
) -> str:
    """A staircase: the value holds until the next sample."""
    points = _points(panel, shifted, value)
    corners: list[tuple[float, float]] = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return _path(name, corners)


def _path(name: str, points: Sequence[tuple[float, float]]) -> str:
    text = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline class="{name}" points="{text}" stroke="{_COLOURS[name]}"/>'


def _decision_marks(
    moments: Sequence[Moment], x: Axis, began: float, ended: float
) -> Iterator[str]:
    for moment in moments:
        if moment.kind == "decision" and began <= moment.seconds <= ended:
            place = x.at(moment.seconds - began)
            yield (
                f'<line class="decision" x1="{place}" x2="{place}" y1="{_LOAD_TOP}" '
                f'y2="{_REPLICAS_BOTTOM}"><title>{escape(moment.text)}</title></line>'
            )


def _legend(height: float, entries: Sequence[tuple[str, str]]) -> str:
    parts, place = [], float(_LEFT)
    for name, text in entries:
        parts.append(
            f'<line class="{name}" x1="{place:g}" x2="{place + 22:g}" y1="{height - 4:g}" '
            f'y2="{height - 4:g}" stroke="{_COLOURS[name]}"/>'
            f'<text class="legend" x="{place + 28:g}" y="{height:g}">{escape(text)}</text>'
        )
        place += 60 + 7.2 * len(text)
    return "".join(parts)
