"""All settings with what was found out about each, and why each has its outcome."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table

from . import marks, words
from .document import TuningReport
from .ranking import Ranked

#: The rest is there, folded.
_SHOWN = 30


def setting_table(report: TuningReport, found: Sequence[Ranked]) -> Html:
    """One row each: chosen, finalists, rejected, what does not fit; of each the most rows first."""
    if not found:
        return paragraph("There were no settings.", "soft")
    columns = _columns(report)
    shown = table(columns, [_row(each) for each in found[:_SHOWN]], "All settings")
    rest = found[_SHOWN:]
    if not rest:
        return shown
    more = table(columns, [_row(each) for each in rest], "The other settings")
    folded = Html(f"<details><summary>{len(rest)} more settings</summary>{more}</details>")
    return joined((shown, folded))


def _columns(report: TuningReport) -> list[Column]:
    percentile = words.percentile(report.objective)
    titles = ("batch", "instances", "threads", "delay", "rows/s", f"{percentile} at that rate")
    return [
        Column(title="#", number=True),
        Column(title="setting"),
        Column(title="outcome"),
        Column(title="why", wide=True),
        Column(title="variant"),
        *(Column(title=each, number=True) for each in titles),
    ]


def _row(ranked: Ranked) -> tuple[str, ...]:
    setting = ranked.setting
    return (
        str(ranked.number),
        setting.label,
        marks.said(setting.outcome),
        setting.why,
        setting.variant,
        str(setting.max_batch_size),
        str(setting.instances),
        str(setting.threads),
        _delay(setting.queue_delay_microseconds),
        _both(words.rate(setting.simulated_capacity), words.rate(setting.measured_capacity)),
        _both(
            words.milliseconds(setting.simulated_latency_ms),
            words.milliseconds(setting.measured_latency_ms),
        ),
    )


def _delay(microseconds: int) -> str:
    return words.milliseconds(microseconds / 1000) if microseconds else NOTHING


def _both(simulated: str, measured: str) -> str:
    return simulated if measured == NOTHING else f"{simulated}\n{measured} measured"
