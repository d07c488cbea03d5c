"""The settings in the order in which a person looks for them, numbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .document import CHOSEN, FINALIST, OUTCOMES, SettingView, TuningReport
from .words import known


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """``number``: of its row in the table of all settings."""

    number: int
    setting: SettingView

    @property
    def matters(self) -> bool:
        """Whether it was chosen or nearly so."""
        return self.setting.outcome in (CHOSEN, FINALIST)


def ranked(settings: Iterable[SettingView]) -> tuple[Ranked, ...]:
    """Chosen, finalists, rejected, what does not fit; of each the most rows first."""
    ordered = sorted(settings, key=lambda each: (_place(each.outcome), -_rows(each)))
    return tuple(
        Ranked(number=number, setting=setting) for number, setting in enumerate(ordered, 1)
    )


def contenders(found: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """Those that matter."""
    return tuple(each for each in found if each.matters)


def goal_kept(report: TuningReport) -> bool:
    """Whether what is served keeps the objective, as far as is known."""
    chosen = report.chosen
    if chosen is None:
        return False
    rows, latency = best_known(chosen)
    return rows > 0 and latency <= report.objective.milliseconds


def best_known(setting: SettingView) -> tuple[float, float]:
    """Capacity and the latency at it: measured if they were, else simulated."""
    rows, latency = setting.measured_capacity, setting.measured_latency_ms
    if not known(rows) or not known(latency):
        return setting.simulated_capacity, setting.simulated_latency_ms
    return rows, latency


def _place(outcome: str) -> int:
    return OUTCOMES.index(outcome) if outcome in OUTCOMES else len(OUTCOMES)


def _rows(setting: SettingView) -> float:
    rows, _ = best_known(setting)
    return rows if known(rows) else 0.0
