"""All candidates with what was found out about each, and why each has its outcome."""

from __future__ import annotations

from modelservice_runtime.builder.judged import Judged
from modelservice_runtime.pages import figures
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table, text

from . import marks, words
from .document import Report

_COLUMNS = (
    Column(title="#", number=True),
    Column(title="candidate"),
    Column(title="outcome"),
    Column(title="why", wide=True),
    Column(title="metric, loss", number=True),
    Column(title="times as fast", number=True),
    Column(title="files, memory", number=True),
    Column(title="made in", number=True),
)


def candidate_table(report: Report) -> Html:
    """One row each, in the order of their making."""
    if not report.candidates:
        return paragraph("There were no candidates.", "soft")
    rows = [_row(number, each) for number, each in enumerate(report.candidates, 1)]
    return table(_COLUMNS, rows, "All candidates")


def _row(number: int, candidate: Judged) -> tuple[str, ...]:
    return (
        str(number),
        candidate.recipe.name,
        _outcome(candidate.outcome),
        joined((candidate.reason, *candidate.notes), "\n"),
        _metric(candidate),
        words.times_overall(candidate),
        f"{figures.megabytes(candidate.size_bytes)}\n{figures.mebibytes(candidate.peak_bytes)}",
        _made(candidate),
    )


def _outcome(outcome: str) -> Html:
    return Html(
        f'<span class="w-{text(outcome.lower())}">{marks.sample(outcome)}{text(outcome)}</span>'
    )


def _metric(candidate: Judged) -> str:
    if candidate.metric is not None:
        return f"{figures.number(candidate.metric.value)}\n{words.lost(candidate.metric)}"
    if candidate.recipe.exact:
        return "exact"
    if candidate.selection_value is not None:
        return f"{figures.number(candidate.selection_value)}\n(selection part)"
    return figures.NOTHING


def _made(candidate: Judged) -> str:
    if not candidate.seconds and not candidate.recipe.steps:
        return figures.NOTHING
    return figures.seconds(candidate.seconds) + ("\n(cached)" if candidate.cached else "")
