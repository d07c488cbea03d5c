"""All settings with what was found out about each, and why each has its outcome."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, text

from . import marks, words
from .document import TuningReport
from .folding import folding
from .ranking import Ranked


def setting_table(report: TuningReport, found: Sequence[Ranked]) -> Html:
    """One row each: chosen, finalists, rejected, what does not fit; of each the most rows first."""
    if not found:
        return paragraph("There were no settings.", "soft")
    said = paragraph(
        "Rows per second that one replica carries within the goal, and"
        f" {words.percentile(report.objective)} at that rate: simulated, below it measured.",
        "soft",
    )
    rows = [_row(each) for each in found]
    return joined((said, folding(_columns(report), rows, "All settings")))


def _columns(report: TuningReport) -> list[Column]:
    percentile = words.percentile(report.objective)
    carried = ("rows/s", percentile)
    knobs = ("batch", "instances", "threads", "delay")
    return [
        Column(title="#", number=True),
        Column(title="setting"),
        Column(title="outcome"),
        *(Column(title=each, number=True) for each in carried),
        Column(title="variant"),
        *(Column(title=each, number=True) for each in knobs),
        Column(title="why", wide=True),
    ]


def _row(ranked: Ranked) -> tuple[str, ...]:
    setting = ranked.setting
    return (
        str(ranked.number),
        setting.label,
        marks.said(setting.outcome),
        _both(words.rate(setting.simulated_capacity), words.rate(setting.measured_capacity)),
        _both(
            words.milliseconds(setting.simulated_latency_ms),
            words.milliseconds(setting.measured_latency_ms),
        ),
        setting.variant,
        str(setting.max_batch_size),
        str(setting.instances),
        str(setting.threads),
        _delay(setting.queue_delay_microseconds),
        setting.why,
    )


def _delay(microseconds: int) -> str:
    return words.milliseconds(microseconds / 1000) if microseconds else NOTHING


def _both(simulated: str, measured: str) -> str:
    if measured == NOTHING:
        return simulated
    return Html(f"{text(simulated)}\n<small>{text(measured)}</small>")
