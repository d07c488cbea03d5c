"""The picture of the choice: what was lost, over how fast; size as the size of the mark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from modelservice_runtime.pages import axes, figures, scales
from modelservice_runtime.pages.axes import Axis, Picture
from modelservice_runtime.pages.labels import HEIGHT, Box, width
from modelservice_runtime.pages.markup import Html, joined, paragraph, text

from . import marks, words
from .document import Report
from .front import front
from .pareto_words import Frame, described, legend, named, names
from .spots import Spot, important_first, limit, spots

_WIDTH, _HEIGHT = 760.0, 440.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 64.0, 40.0, 744.0, 390.0
_SMALLEST, _LARGEST = 4.5, 13.0
#: With more marks than this they are drawn smaller.
_CROWD = 12
#: Losses and times far beyond what is of interest are put to the edge.
_FAR_LOSS, _FAR_TIME = 4.0, 220.0


def picture(report: Report) -> Html:
    """The figure with its legend; a sentence where nothing was timed."""
    drawn = spots(report)
    if not drawn:
        return paragraph("No candidate was timed, so there is nothing to draw.", "soft")
    allowed = limit(report)
    x_axis, y_axis = _axes(report, drawn, allowed)
    image = Picture(
        name="pareto",
        title="Loss over time, for each candidate",
        description=described(report, drawn),
        width=_WIDTH,
        height=_HEIGHT,
    )
    sizes, by_name = _radii(drawn), named(drawn)
    frame = Frame(
        x_axis=x_axis,
        y_axis=y_axis,
        area=Box(left=_LEFT + 2, top=_TOP - 4, right=_WIDTH - 2, bottom=_BOTTOM - 2),
        occupied=_limit_words(y_axis, allowed),
    )
    svg = image.draw(
        axes.horizontal(x_axis, _TOP, _BOTTOM),
        axes.vertical(y_axis, _LEFT, _RIGHT),
        _limit_line(y_axis, allowed),
        _front_line(report, drawn, x_axis, y_axis),
        axes.line("grid", _LEFT, y_axis.scale.at(0.0), _RIGHT, y_axis.scale.at(0.0)),
        *(_reach(spot, x_axis, y_axis) for spot in drawn if spot.number in by_name),
        *(_mark(spot, sizes, x_axis, y_axis) for spot in reversed(important_first(report, drawn))),
        names(report, drawn, sizes, frame),
    )
    return joined((Html("<figure>"), svg, legend(report, drawn), Html("</figure>")))


def _axes(report: Report, drawn: Sequence[Spot], allowed: float | None) -> tuple[Axis, Axis]:
    times = [min(spot.time, _FAR_TIME) for spot in drawn]
    most = _FAR_LOSS * allowed if allowed else math.inf
    drops = [min(spot.drop, most) for spot in drawn] + [0.0, 1.2 * (allowed or 0.0)]
    metric = report.evaluated.metric if report.evaluated else "metric"
    return (
        Axis(
            scale=scales.spanning(times, _LEFT, _RIGHT, least=20.0),
            title="time per call in percent of the source model's (less is faster)",
            words=lambda value: f"{value:g} %",
        ),
        Axis(
            scale=scales.spanning(drops, _BOTTOM, _TOP, least=1e-3),
            title=f"loss of {metric} (less is better)",
            words=lambda value: f"{value:g}",
        ),
    )


def _radii(drawn: Sequence[Spot]) -> Mapping[int, float]:
    """The area grows with the size of the files."""
    full = _LARGEST if len(drawn) <= _CROWD else 0.65 * _LARGEST
    largest = max(spot.candidate.size_bytes for spot in drawn) or 1
    return {
        spot.number: max(_SMALLEST, full * math.sqrt(spot.candidate.size_bytes / largest))
        for spot in drawn
    }


def _at(spot: Spot, x_axis: Axis, y_axis: Axis) -> tuple[float, float]:
    return x_axis.scale.at(spot.time), y_axis.scale.at(spot.drop)


def _mark(spot: Spot, sizes: Mapping[int, float], x_axis: Axis, y_axis: Axis) -> Html:
    x, y = _at(spot, x_axis, y_axis)
    candidate = spot.candidate
    shape = marks.mark(candidate.outcome, x, y, sizes[spot.number], proven=spot.proven)
    hint = text(
        f"{spot.number}. {candidate.recipe.name}: {marks.MEANING.get(candidate.outcome, '')},"
        f" {spot.time:.0f} % of the time, loss {figures.number(spot.drop)}"
    )
    return Html(f"<g><title>{hint}</title>{shape}</g>")


def _reach(spot: Spot, x_axis: Axis, y_axis: Axis) -> Html:
    """The intervals, as thin lines through the mark."""
    x, y = _at(spot, x_axis, y_axis)
    kind = f"reach o-{spot.candidate.outcome.lower()}"
    parts = []
    low, high = words.speedup_bounds(spot.candidate)
    if low > 0 and not x_axis.scale.outside(spot.time):
        ends = x_axis.scale.at(100 / high), x_axis.scale.at(100 / low)
        parts.append(axes.line(kind, ends[0], y, ends[1], y))
    metric = spot.candidate.metric
    if metric is not None and spot.proven and not y_axis.scale.outside(spot.drop):
        ends = y_axis.scale.at(metric.drop_low), y_axis.scale.at(metric.drop_high)
        parts.append(axes.line(kind, x, ends[0], x, ends[1]))
    return joined(parts)


def _limit_line(y_axis: Axis, allowed: float | None) -> Html:
    if allowed is None:
        return Html("")
    y = y_axis.scale.at(allowed)
    word = axes.words(_allows(allowed), _RIGHT - 4, y - 5, kind="limit-word halo", anchor="end")
    return joined((axes.line("limit", _LEFT, y, _RIGHT, y), word))


def _limit_words(y_axis: Axis, allowed: float | None) -> list[Box]:
    """Where the words of the limit are."""
    if allowed is None:
        return []
    y, long = y_axis.scale.at(allowed), width(_allows(allowed))
    return [Box(left=_RIGHT - 4 - long, top=y - 5 - HEIGHT, right=_RIGHT, bottom=y)]


def _allows(allowed: float) -> str:
    return f"the goal allows {figures.number(allowed)}"


def _front_line(report: Report, drawn: Sequence[Spot], x_axis: Axis, y_axis: Axis) -> Html:
    """Steps: no candidate within the goals lies below and left of them.

    Members of the front that are on it for their size alone may lie above.
    """
    on_front = {candidate.recipe.name for candidate in front(report.candidates)}
    places = sorted(
        (x, -y)
        for spot in drawn
        if spot.candidate.recipe.name in on_front
        for x, y in [_at(spot, x_axis, y_axis)]
    )
    steps: list[tuple[float, float]] = []
    for x, height in places:
        if not steps or height < steps[-1][1]:
            steps.append((x, height))
    if not steps:
        return Html("")
    path = f"M{steps[0][0]:.1f} {_TOP:.1f}V{-steps[0][1]:.1f}"
    path += "".join(f"H{x:.1f}V{-height:.1f}" for x, height in steps[1:])
    return Html(f'<path class="front" d="{path}H{_RIGHT:.1f}"/>')
