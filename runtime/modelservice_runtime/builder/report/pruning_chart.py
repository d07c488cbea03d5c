"""Time after pruning ÷ time before, over the share removed: measured, and as the fit says."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages import axes, figures, scales
from modelservice_runtime.pages.axes import Axis, Picture
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table

from .terms import ALL, PruningFit, PruningLine, PruningPoint

_WIDTH, _HEIGHT = 760.0, 320.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 64.0, 40.0, 600.0, 270.0
_COLOURS = 6

FORMULA = "T' = k · T + C · R"


def pruning(fit: PruningFit) -> Html:
    """The fit, the picture and the table; a sentence if nothing was pruned."""
    if not fit.points:
        return paragraph("No pruned candidate was measured beside the same thing unpruned.", "soft")
    said = _lines(fit.lines) if fit.lines else paragraph(f"{FORMULA} is not fitted: {fit.missing}.")
    return joined((said, _picture(fit), _table(fit.points)))


def _lines(lines: Sequence[PruningLine]) -> Html:
    titles = ("points", "k", "C", "error (root mean square)", "largest error")
    columns = [Column(title="batch"), *(Column(title=each, number=True) for each in titles)]
    rows = [
        (
            "all" if line.batch == ALL else str(line.batch),
            str(line.points),
            f"{line.k:.3f}",
            figures.milliseconds(line.c),
            figures.milliseconds(line.rmse_ms),
            f"{100 * line.largest_error:.1f} %",
        )
        for line in lines
    ]
    sentence = (
        f"{FORMULA}, fitted by least squares; T is the time before, R the share removed. C is a"
        " time and grows with the batch, so each batch size has its own k and C; the last row is"
        " one line through all of them."
    )
    return joined((paragraph(sentence), table(columns, rows, "The fit by batch size")))


def _picture(fit: PruningFit) -> Html:
    batches = sorted({point.batch for point in fit.points})[:_COLOURS]
    shares = [_share(point, point.measured_ms) for point in fit.points]
    shares += [_share(point, point.predicted_ms) for point in fit.points if point.predicted_ms]
    x_axis = Axis(
        scale=scales.Scale(low=0, high=100, start=_LEFT, end=_RIGHT),
        title="R, parameters removed",
        words=lambda value: f"{value:g} %",
    )
    y_axis = Axis(
        scale=scales.spanning([0.0, 1.0, *shares], _BOTTOM, _TOP),
        title="time after ÷ time before",
        words=lambda value: f"{value:g}",
    )
    image = Picture(
        name="pruning",
        title="Time after pruning over the share of parameters removed",
        description="; ".join(_told(point) for point in fit.points),
        width=_WIDTH,
        height=_HEIGHT,
    )
    lines = [
        _line(number, [p for p in fit.points if p.batch == batch], x_axis, y_axis)
        for number, batch in enumerate(batches, 1)
    ]
    keys = [_key(number, batch) for number, batch in enumerate(batches, 1)]
    svg = image.draw(
        axes.horizontal(x_axis, _TOP, _BOTTOM), axes.vertical(y_axis, _LEFT, _RIGHT), *lines, *keys
    )
    caption = "Dots are measured, lines are what the fit says."
    return joined((Html("<figure>"), svg, Html(f"<figcaption>{caption}</figcaption></figure>")))


def _line(number: int, points: Sequence[PruningPoint], x_axis: Axis, y_axis: Axis) -> Html:
    ordered = sorted(points, key=lambda point: point.ratio)
    places = [
        f"{x_axis.scale.at(100 * p.ratio):.1f} {y_axis.scale.at(_share(p, p.predicted_ms)):.1f}"
        for p in ordered
        if p.predicted_ms is not None
    ]
    parts = [Html(f'<path class="l-{number}" d="M{"L".join(places)}"/>')] if places else []
    parts += [
        Html(
            f'<circle class="p-{number}" r="4" cx="{x_axis.scale.at(100 * p.ratio):.1f}"'
            f' cy="{y_axis.scale.at(_share(p, p.measured_ms)):.1f}"/>'
        )
        for p in ordered
    ]
    return joined(parts)


def _key(number: int, batch: int) -> Html:
    y = _TOP + 18 * number
    return joined(
        (
            axes.line(f"l-{number}", _RIGHT + 12, y, _RIGHT + 34, y),
            Html(f'<circle class="p-{number}" r="4" cx="{_RIGHT + 23:.1f}" cy="{y:.1f}"/>'),
            axes.words(f"batch {batch}", _RIGHT + 42, y + 4),
        )
    )


def _table(points: Sequence[PruningPoint]) -> Html:
    titles = ("R", "batch", "T, before", "T', measured", "T', predicted", "error")
    columns = [Column(title="candidate"), *(Column(title=each, number=True) for each in titles)]
    rows = [
        (
            point.candidate,
            f"{100 * point.ratio:.1f} %",
            f"{point.batch}",
            figures.milliseconds(point.before_ms),
            figures.milliseconds(point.measured_ms),
            *_predicted(point),
        )
        for point in points
    ]
    return table(columns, rows, "Time before and after pruning, measured and predicted")


def _predicted(point: PruningPoint) -> tuple[str, str]:
    if point.predicted_ms is None:
        return figures.NOTHING, figures.NOTHING
    error = (point.predicted_ms - point.measured_ms) / max(point.measured_ms, 1e-9)
    return figures.milliseconds(point.predicted_ms), f"{100 * error:+.0f} %"


def _share(point: PruningPoint, after_ms: float | None) -> float:
    return (after_ms or 0.0) / max(point.before_ms, 1e-9)


def _told(point: PruningPoint) -> str:
    return (
        f"{point.candidate} at batch {point.batch}: {100 * point.ratio:.0f} percent removed,"
        f" {figures.milliseconds(point.before_ms)} before,"
        f" {figures.milliseconds(point.measured_ms)} after"
    )
