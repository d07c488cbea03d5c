"""The result in a few large figures."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.pages.markup import Html, text

from . import words
from .document import SettingView, TuningReport
from .ranking import best_known


def tiles(report: TuningReport) -> Html:
    """Capacity, latency, memory and what the tuning took."""
    items = "".join(
        f"<div><dt>{text(title)}</dt><dd>{text(figure)}<small>{text(more)}</small></dd></div>"
        for title, figure, more in _tiles(report)
    )
    return Html(f'<dl class="tiles">{items}</dl>')


def _tiles(report: TuningReport) -> Iterator[tuple[str, str, str]]:
    chosen = report.chosen
    if chosen is not None:
        yield from _of_setting(report, chosen)
    memory = report.memory
    if memory.request_bytes:
        limit = f"limit {words.memory(memory.limit_bytes)}"
        yield "Memory of a replica", words.memory(memory.request_bytes), limit
    cost = report.cost
    yield "The tuning took", words.seconds(cost.seconds), f"{cost.runs} load runs"


def _of_setting(report: TuningReport, chosen: SettingView) -> Iterator[tuple[str, str, str]]:
    rows, latency = best_known(chosen)
    measured = rows == chosen.measured_capacity
    simulated = f"measured; simulated {words.rate(chosen.simulated_capacity)}"
    yield (
        "One replica carries",
        words.rows_per_second(rows),
        simulated if measured else "simulated, not measured",
    )
    yield (
        f"{words.percentile(report.objective)} at that rate",
        words.milliseconds(latency),
        f"the goal: at most {report.objective.milliseconds:g} ms",
    )
