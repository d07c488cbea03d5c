"""The picture of the choice: latency over the rows per second that one replica carries."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages import axes, scales
from modelservice_runtime.pages.axes import Axis, Picture
from modelservice_runtime.pages.labels import HEIGHT, Box, width
from modelservice_runtime.pages.markup import Html, joined, paragraph, text

from . import marks, words
from .document import CHOSEN, FINALIST, TuningReport
from .ranking import Ranked
from .spots import Place, Spot, spots
from .trade_words import Frame, described, legend, names

_WIDTH, _HEIGHT = 760.0, 420.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 64.0, 40.0, 744.0, 370.0
_RADII = {CHOSEN: 9.0, FINALIST: 7.0}
_SMALL = 3.2
#: Latencies beyond this times all that is of interest are put to the edge.
_FAR = 1.5
#: From here on the axis of the latencies is logarithmic: largest ÷ smallest.
_WIDE = 6.0


def picture(report: TuningReport, found: Sequence[Ranked]) -> Html:
    """The figure with its legend; a sentence where nothing carries anything."""
    drawn = spots(found)
    if not drawn:
        return paragraph("No setting carries any rows, so there is nothing to draw.", "soft")
    frame = _frame(report, drawn)
    image = Picture(
        name="trade",
        title="Latency over rows per second, for each setting",
        description=described(drawn),
        width=_WIDTH,
        height=_HEIGHT,
    )
    # What matters is drawn last, above all others.
    order = list(reversed(drawn))
    svg = image.draw(
        axes.horizontal(frame.x_axis, _TOP, _BOTTOM),
        axes.vertical(frame.y_axis, _LEFT, _RIGHT),
        _goal_line(report, frame.y_axis),
        *(_joint(spot, frame) for spot in order),
        *(_marks(spot, frame) for spot in order),
        names(drawn, frame, radius),
    )
    notes = legend(drawn, frame, len(found) - len(drawn))
    return joined((Html("<figure>"), svg, notes, Html("</figure>")))


def radius(spot: Spot) -> float:
    """Of its mark."""
    return _RADII.get(spot.ranked.setting.outcome, _SMALL)


def _frame(report: TuningReport, drawn: Sequence[Spot]) -> Frame:
    rows = [place.rows for spot in drawn for place in spot.places]
    # A lone setting, or several of the same, in the middle.
    rows += [0.95 * min(rows), 1.05 * max(rows)]
    most = _FAR * _least_high(report, drawn)
    times = [min(place.ms, most) for spot in drawn for place in spot.places]
    times.append(report.objective.milliseconds)
    wide = max(times) / min(times) > _WIDE
    percentile = words.percentile(report.objective)
    y_axis = Axis(
        scale=scales.spanning_logs(times, _BOTTOM, _TOP)
        if wide
        else scales.spanning(times, _BOTTOM, _TOP, least=0.3 * max(times)),
        title=f"{percentile} at that rate, milliseconds{' (logarithmic)' if wide else ''}",
        words=lambda value: f"{value:g}",
    )
    x_axis = Axis(
        scale=scales.spanning(rows, _LEFT, _RIGHT),
        title="rows per second that one replica carries (more is better)",
        words=lambda value: f"{value:,g}",
    )
    y = y_axis.scale.at(report.objective.milliseconds)
    long = width(_goal_words(report))
    return Frame(
        x_axis=x_axis,
        y_axis=y_axis,
        area=Box(left=_LEFT + 2, top=_TOP - 4, right=_WIDTH - 2, bottom=_BOTTOM - 2),
        occupied=[
            Box(left=_LEFT + 4, top=y - 5 - HEIGHT, right=_LEFT + 4 + long, bottom=y),
            # Words on the line itself would be struck through.
            Box(left=_LEFT, top=y - 1, right=_RIGHT, bottom=y + 1),
        ],
    )


def _least_high(report: TuningReport, drawn: Sequence[Spot]) -> float:
    """Up to where the picture has to reach: the goal, and every setting that matters."""
    matter = [place.ms for spot in drawn if spot.ranked.matters for place in spot.places]
    return max(report.objective.milliseconds, *matter, 0.0)


def _goal_words(report: TuningReport) -> str:
    return f"the goal: {words.goal(report.objective)}"


def _goal_line(report: TuningReport, y_axis: Axis) -> Html:
    y = y_axis.scale.at(report.objective.milliseconds)
    word = axes.words(_goal_words(report), _LEFT + 6, y - 5, kind="limit-word halo")
    return joined((axes.line("limit", _LEFT, y, _RIGHT, y), word))


def _joint(spot: Spot, frame: Frame) -> Html:
    """From what was simulated to what was measured."""
    if spot.simulated is None or spot.measured is None:
        return Html("")
    return axes.line("lead", *frame.at(spot.simulated), *frame.at(spot.measured))


def _marks(spot: Spot, frame: Frame) -> Html:
    outcome = spot.ranked.setting.outcome
    parts = [
        marks.mark(outcome, *frame.at(place), radius(spot), measured=place is spot.measured)
        for place in spot.places
    ]
    hint = text(f"{spot.ranked.number}. {spot.ranked.setting.label}: {_told(spot)}")
    return Html(f"<g><title>{hint}</title>{joined(parts)}</g>")


def _told(spot: Spot) -> str:
    told = [spot.ranked.setting.outcome]
    if spot.simulated is not None:
        told.append(f"simulated {_place_words(spot.simulated)}")
    if spot.measured is not None:
        told.append(f"measured {_place_words(spot.measured)}")
    return ", ".join(told)


def _place_words(place: Place) -> str:
    return f"{words.rows_per_second(place.rows)} at {words.milliseconds(place.ms)}"
