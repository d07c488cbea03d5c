"""How long one execution takes by batch size: what the simulation is made of."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages import by_batch
from modelservice_runtime.pages.by_batch import MOST_LINES, Line
from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table, text

from . import words
from .document import CurvePoint, CurveView

#: The names of settings are long.
_RIGHT = 470.0


def ordered(curves: Sequence[CurveView]) -> list[CurveView]:
    """Those that have points, what was chosen first."""
    return sorted((each for each in curves if _points(each)), key=lambda each: not each.chosen)


def picture(curves: Sequence[CurveView]) -> Html:
    """The figure; a sentence where nothing was timed."""
    found = ordered(curves)
    if not found:
        return paragraph("No execution was timed.", "soft")
    lines = [_line(number, curve) for number, curve in enumerate(found[:MOST_LINES], 1)]
    svg = by_batch.drawn(
        "service",
        title="Time of one execution by batch size",
        scale_title="milliseconds per execution (logarithmic)",
        description="; ".join(f"{line.name}: {_told(line)}" for line in lines),
        lines=lines,
        right=_RIGHT,
        apart=0.0,
    )
    caption = (
        "Dots are means in the server, bars the 95 % intervals of the means, where they reach"
        " beyond the dot."
    )
    if any(curve.chosen for curve in found):
        caption += f" Chosen: {found[0].label}."
    rest = len(found) - MOST_LINES
    if rest > 0:
        caption += f" The table has {rest} more."
    said = Html(f"<figcaption>{text(caption)}</figcaption>")
    return joined((Html("<figure>"), svg, said, Html("</figure>")))


def service_table(curves: Sequence[CurveView]) -> Html:
    """Every curve at every batch size, with intervals."""
    found = ordered(curves)
    if not found:
        return Html("")
    batches = sorted({point.batch for curve in found for point in _points(curve)})
    columns = [Column(title="setting"), Column(title="note"), Column(title="noise", number=True)]
    columns.append(Column(title="executions", number=True))
    columns += [Column(title=f"batch {batch}", number=True) for batch in batches]
    rows = [_row(curve, batches) for curve in found]
    return table(columns, rows, "Time of one execution by batch size")


def _row(curve: CurveView, batches: Sequence[int]) -> tuple[str, ...]:
    points = {point.batch: point for point in _points(curve)}
    executions = sum(point.executions for point in points.values())
    return (
        curve.label,
        "\n".join(each for each in ("chosen" if curve.chosen else "", curve.note) if each),
        words.percent(curve.noise_percent),
        f"{executions:,}",
        *(_cell(points[batch]) if batch in points else NOTHING for batch in batches),
    )


def _cell(point: CurvePoint) -> str:
    if not (words.known(point.low_ms) and words.known(point.high_ms)):
        return words.milliseconds(point.milliseconds)
    interval = f"({point.low_ms:.3g} … {point.high_ms:.3g})"
    return f"{words.milliseconds(point.milliseconds)}\n{interval}"


def _line(number: int, curve: CurveView) -> Line:
    return Line(
        name=curve.label,
        colour=number,
        points=[
            by_batch.point(
                point.batch,
                point.milliseconds,
                point.low_ms if words.known(point.low_ms) else point.milliseconds,
                point.high_ms if words.known(point.high_ms) else point.milliseconds,
            )
            for point in _points(curve)
        ],
    )


def _points(curve: CurveView) -> list[CurvePoint]:
    """Those with a time, the smallest batch first."""
    found = (point for point in curve.points if words.known(point.milliseconds))
    return sorted(found, key=lambda point: point.batch)


def _told(line: Line) -> str:
    return ", ".join(
        f"{words.milliseconds(point.value)} at batch {point.batch}" for point in line.points
    )
