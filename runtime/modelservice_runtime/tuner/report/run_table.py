"""The load runs: what was measured, and under it what the simulation says."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, text

from . import words
from .document import RunView, TuningReport
from .folding import folding

_FIGURES = ("p50", "p99", "late", "rows/s")


def run_table(report: TuningReport) -> Html:
    """One row each, in their order; those thrown away say why."""
    if not report.runs:
        return paragraph("There were no load runs beside the simulation.", "soft")
    columns = [
        Column(title="run", wide=True),
        Column(title="load"),
        *(Column(title=each, number=True) for each in _FIGURES),
        Column(title="requests", number=True),
    ]
    rows = [_row(run) for run in report.runs]
    goal = f"later than {report.objective.milliseconds:g} ms"
    said = paragraph(
        "Measured above, simulated below with how far it is off. Late: the share of the requests"
        f" answered {goal}, or not at all.",
        "soft",
    )
    return joined((said, folding(columns, rows, "Load runs, measured and simulated")))


def _row(run: RunView) -> tuple[str, ...]:
    return (
        _name(run),
        _load(run),
        *_figures(run),
        f"{run.requests:,}",
    )


def _name(run: RunView) -> str:
    if not run.discarded:
        return run.label
    why = text(f"thrown away: {run.discarded}")
    return Html(f"{text(run.label)}\n<small>{why}</small>")


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
