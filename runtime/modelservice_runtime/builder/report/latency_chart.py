"""Time per row over the batch size: the source model and the candidates that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from modelservice_runtime.builder.judged import CHOSEN, FINALIST, Judged
from modelservice_runtime.builder.measuring import speedup

from . import axes, labels, scales, words
from .axes import Axis, Picture
from .document import Report
from .markup import Column, Html, joined, paragraph, table
from .scales import Scale

_WIDTH, _HEIGHT = 760.0, 400.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 64.0, 40.0, 540.0, 350.0
_LINES = 6
_NAME_CHARACTERS = 28
_DASHES = ("", "", "", "7 3", "2 3", "8 3 2 3", "1 4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Milliseconds per row, with its interval."""

    batch: int
    value: float
    low: float
    high: float


def timed(report: Report) -> list[Judged]:
    """The candidates with times: chosen, finalists, then the fastest first."""
    first = {CHOSEN: 0, FINALIST: 1}
    return sorted(
        (candidate for candidate in report.candidates if candidate.latency),
        key=lambda each: (first.get(each.outcome, 2), -speedup(each.latency)),
    )


def picture(report: Report) -> Html:
    """The figure; a sentence where nothing was timed."""
    candidates = timed(report)
    if not candidates:
        return paragraph("No candidate was timed.", "soft")
    lines = [("source model", _source(candidates))]
    lines += [(each.recipe.name, points(each)) for each in candidates[:_LINES]]
    batches = sorted({point.batch for _, line in lines for point in line})
    values = [v for _, line in lines for point in line for v in (point.low, point.high)]
    x_places = _places(batches)
    y_scale = scales.spanning_logs(values, _BOTTOM, _TOP)
    image = Picture(
        name="latency",
        title="Time per row by batch size",
        description="; ".join(f"{name}: {_told(line)}" for name, line in lines),
        width=_WIDTH,
        height=_HEIGHT,
    )
    y_axis = Axis(
        scale=y_scale, title="milliseconds per row (logarithmic)", words=lambda v: f"{v:g}"
    )
    svg = image.draw(
        axes.vertical(y_axis, _LEFT, _RIGHT),
        _batch_axis(x_places),
        *(_line(number, line, x_places, y_scale) for number, (_, line) in enumerate(lines)),
        _ends(lines, x_places, y_scale),
    )
    rest = len(candidates) - _LINES
    caption = "Medians at one thread, with 95 % intervals; each candidate beside the source model."
    if rest > 0:
        caption += f" The table has {rest} more."
    return joined((Html("<figure>"), svg, Html(f"<figcaption>{caption}</figcaption></figure>")))


def latency_table(report: Report) -> Html:
    """Every candidate at every batch size: time, and how many times as fast."""
    candidates = timed(report)
    batches = sorted({pair.batch for each in candidates for pair in each.latency})
    columns = [Column(title="candidate")]
    columns += [Column(title=f"batch {batch}", number=True) for batch in batches]
    rows = [["source model", *_source_cells(candidates, batches)]] if candidates else []
    for each in candidates:
        by_batch = {pair.batch: pair for pair in each.latency}
        cells = [
            f"{words.milliseconds(by_batch[batch].artifact_ms)}\n{words.times(by_batch[batch])}"
            if batch in by_batch
            else words.NOTHING
            for batch in batches
        ]
        rows.append([each.recipe.name, *cells])
    return table(columns, rows, "Time of one call and speed-up by batch size") if rows else Html("")


def points(candidate: Judged) -> list[Point]:
    """Its line. The interval is that of the ratio to the source model, at the latter's median."""
    found = []
    for pair in candidate.latency:
        value = pair.artifact_ms / pair.batch
        low = pair.source_ms / pair.speedup_high / pair.batch if pair.speedup_high > 0 else value
        high = pair.source_ms / pair.speedup_low / pair.batch if pair.speedup_low > 0 else value
        found.append(_point(pair.batch, value, low, high))
    return found


def _source(candidates: Sequence[Judged]) -> list[Point]:
    """The source model ran beside each of them: the median, and the range of these runs."""
    by_batch: dict[int, list[float]] = {}
    for each in candidates:
        for pair in each.latency:
            by_batch.setdefault(pair.batch, []).append(pair.source_ms / pair.batch)
    return [
        _point(batch, median(found), min(found), max(found))
        for batch, found in sorted(by_batch.items())
    ]


def _point(batch: int, value: float, low: float, high: float) -> Point:
    """On a logarithmic axis a time of zero has no place: below a nanosecond is one."""
    return Point(
        batch=batch,
        value=max(value, 1e-6),
        low=max(min(low, value), 1e-6),
        high=max(high, value, 1e-6),
    )


def _places(batches: Sequence[int]) -> dict[int, float]:
    """Batch sizes at equal distances."""
    if len(batches) == 1:
        return {batches[0]: (_LEFT + _RIGHT) / 2}
    scale = Scale(low=0, high=len(batches) - 1, start=_LEFT + 24, end=_RIGHT - 24)
    return {batch: scale.at(number) for number, batch in enumerate(batches)}


def _batch_axis(places: dict[int, float]) -> Html:
    parts = [axes.line("axis", _LEFT, _BOTTOM, _RIGHT, _BOTTOM)]
    for batch, x in places.items():
        parts.append(axes.line("grid", x, _TOP, x, _BOTTOM))
        parts.append(axes.words(f"{batch}", x, _BOTTOM + 16, kind="tick", anchor="middle"))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(axes.words("batch size", middle, _BOTTOM + 36, kind="title", anchor="middle"))
    return joined(parts)


def _line(number: int, line: Sequence[Point], places: dict[int, float], scale: Scale) -> Html:
    dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    path = "L".join(f"{places[point.batch]:.1f} {scale.at(point.value):.1f}" for point in line)
    parts = [Html(f'<path class="l-{number}"{dash} d="M{path}"/>')]
    for point in line:
        # Side by side, or the intervals would hide each other.
        x = places[point.batch] + 4 * (number - _LINES / 2)
        parts.append(
            axes.line(f"reach l-{number}", x, scale.at(point.low), x, scale.at(point.high))
        )
        parts.append(
            Html(
                f'<circle class="p-{number}" cx="{places[point.batch]:.1f}"'
                f' cy="{scale.at(point.value):.1f}" r="3.5"/>'
            )
        )
    return joined(parts)


def _ends(lines: Sequence[tuple[str, list[Point]]], places: dict[int, float], scale: Scale) -> Html:
    """Each line's name at its right end."""
    ends = [scale.at(line[-1].value) for _, line in lines]
    heights = labels.spread(ends, _TOP + 6, _BOTTOM - 2)
    parts = []
    for number, ((name, line), end, height) in enumerate(zip(lines, ends, heights, strict=True)):
        said = name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"
        x = places[line[-1].batch]
        parts.append(axes.line("lead", x + 5, end, _RIGHT + 2, height))
        parts.append(axes.line(f"l-{number}", _RIGHT + 2, height, _RIGHT + 16, height))
        parts.append(axes.words(said, _RIGHT + 22, height + 4, kind="halo"))
    return joined(parts)


def _source_cells(candidates: Sequence[Judged], batches: Sequence[int]) -> list[str]:
    found = {point.batch: point.value * point.batch for point in _source(candidates)}
    return [words.milliseconds(found[batch]) for batch in batches]


def _told(line: Sequence[Point]) -> str:
    return ", ".join(
        f"{words.milliseconds(point.value)} per row at batch {point.batch}" for point in line
    )
