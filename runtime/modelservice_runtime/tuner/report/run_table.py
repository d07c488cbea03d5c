"""The load runs: what was measured, and under it what the simulation says."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table, text

from . import words
from .document import RunView, TuningReport

_FIGURES = ("p50", "p99", "late", "rows/s")


def run_table(report: TuningReport) -> Html:
    """One row each, in their order; those thrown away say why."""
    if not report.runs:
        return paragraph("There were no load runs beside the simulation.", "soft")
    columns = [
        Column(title="run"),
        Column(title="load"),
        *(Column(title=each, number=True) for each in _FIGURES),
        Column(title="requests", number=True),
        Column(title=""),
    ]
    rows = [_row(run) for run in report.runs]
    goal = f"later than {report.objective.milliseconds:g} ms"
    said = paragraph(
        "Measured above, simulated below with how far it is off. Late: the share of the requests"
        f" answered {goal}, or not at all.",
        "soft",
    )
    return joined((said, table(columns, rows, "Load runs, measured and simulated")))


def _row(run: RunView) -> tuple[str, ...]:
    return (
        run.label,
        _load(run),
        *_figures(run),
        f"{run.requests:,}",
        f"thrown away: {run.discarded}" if run.discarded else "",
    )


def _load(run: RunView) -> str:
    if run.rate > 0:
        return words.rows_per_second(run.rate)
    return f"closed loop of {run.concurrency}"


def _figures(run: RunView) -> Iterator[Html]:
    for measured, simulated in (
        (run.measured_p50_ms, run.simulated_p50_ms),
        (run.measured_p99_ms, run.simulated_p99_ms),
    ):
        off = words.signed(words.off(simulated, measured))
        yield _both(words.milliseconds(measured), words.milliseconds(simulated), off)
    late = (run.measured_violation_percent, run.simulated_violation_percent)
    yield _both(words.percent(late[0]), words.percent(late[1]), "")
    rows = (run.measured_rows_per_second, run.simulated_rows_per_second)
    yield _both(words.rate(rows[0]), words.rate(rows[1]), words.signed(words.off(rows[1], rows[0])))


def _both(measured: str, simulated: str, off: str) -> Html:
    below = simulated if off in ("", NOTHING) else f"{simulated} ({off})"
    return Html(f"{text(measured)}\n<small>{text(below)}</small>")
