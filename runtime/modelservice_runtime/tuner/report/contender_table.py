"""What was chosen beside the finalists: simulated and measured."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages.markup import Column, Html, paragraph, table

from . import marks, words
from .document import TuningReport
from .ranking import Ranked, contenders


def contender_table(report: TuningReport, found: Sequence[Ranked]) -> Html:
    """One row each."""
    rows = [_row(each) for each in contenders(found)]
    if not rows:
        return paragraph("Nothing was chosen, and there were no finalists.", "soft")
    percentile = words.percentile(report.objective)
    titles = (
        "rows/s simulated",
        "rows/s measured",
        "off",
        f"{percentile} simulated",
        f"{percentile} measured",
        "off",
    )
    columns = [
        Column(title="#", number=True),
        Column(title="setting"),
        Column(title="outcome"),
        *(Column(title=each, number=True) for each in titles),
    ]
    return table(columns, rows, "What was chosen beside the finalists")


def _row(ranked: Ranked) -> tuple[str, ...]:
    setting = ranked.setting
    return (
        str(ranked.number),
        setting.label,
        marks.said(setting.outcome),
        words.rate(setting.simulated_capacity),
        words.rate(setting.measured_capacity),
        words.signed(words.off(setting.simulated_capacity, setting.measured_capacity)),
        words.milliseconds(setting.simulated_latency_ms),
        words.milliseconds(setting.measured_latency_ms),
        words.signed(words.off(setting.simulated_latency_ms, setting.measured_latency_ms)),
    )
