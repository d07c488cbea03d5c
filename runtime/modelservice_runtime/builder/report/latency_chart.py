"""Time per row over the batch size: the source model and the candidates that matter."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from modelservice_runtime.builder.judged import CHOSEN, FINALIST, Judged
from modelservice_runtime.builder.measuring import speedup
from modelservice_runtime.pages import by_batch, figures
from modelservice_runtime.pages.by_batch import MOST_LINES, Line, Point
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table

from . import words
from .document import Report


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
    lines = [Line(name="source model", colour=0, points=_source(candidates))]
    lines += [
        Line(name=each.recipe.name, colour=number, points=points(each))
        for number, each in enumerate(candidates[:MOST_LINES], 1)
    ]
    svg = by_batch.drawn(
        "latency",
        title="Time per row by batch size",
        scale_title="milliseconds per row (logarithmic)",
        description="; ".join(f"{line.name}: {_told(line.points)}" for line in lines),
        lines=lines,
    )
    rest = len(candidates) - MOST_LINES
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
        pairs = {pair.batch: pair for pair in each.latency}
        cells = [
            f"{figures.milliseconds(pairs[batch].artifact_ms)}\n{words.times(pairs[batch])}"
            if batch in pairs
            else figures.NOTHING
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
        found.append(by_batch.point(pair.batch, value, low, high))
    return found


def _source(candidates: Sequence[Judged]) -> list[Point]:
    """The source model ran beside each of them: the median, and the range of these runs."""
    found: dict[int, list[float]] = {}
    for each in candidates:
        for pair in each.latency:
            found.setdefault(pair.batch, []).append(pair.source_ms / pair.batch)
    return [
        by_batch.point(batch, median(times), min(times), max(times))
        for batch, times in sorted(found.items())
    ]


def _source_cells(candidates: Sequence[Judged], batches: Sequence[int]) -> list[str]:
    found = {point.batch: point.value * point.batch for point in _source(candidates)}
    return [figures.milliseconds(found[batch]) for batch in batches]


def _told(line: Sequence[Point]) -> str:
    return ", ".join(
        f"{figures.milliseconds(point.value)} per row at batch {point.batch}" for point in line
    )
