"""The best settings as a table for people."""

from __future__ import annotations

from statistics import median

from .figures import figure
from .outcome import Tuned
from .settings import Setting
from .trials import valid

SHOWN = 8


def settings_table(tuned: Tuned) -> str:
    """The best simulated settings and all measured ones, simulated beside measured."""
    measured = {trial.setting for trial in tuned.trials}
    shown = list(dict.fromkeys([tuned.chosen.setting, *(c.setting for c in tuned.order[:SHOWN])]))
    shown += [setting for setting in measured if setting not in shown]
    simulated = {item.setting: item for item in tuned.order}
    rows = [("setting", "simulated rows/s", "measured: rows/s, late", "")]
    for setting in shown:
        item = simulated.get(setting)
        rows.append(
            (
                setting.words(),
                figure(item.rows_per_second) if item else "",
                _measured(tuned, setting),
                _mark(tuned, setting),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _measured(tuned: Tuned, setting: Setting) -> str:
    trials = valid([trial for trial in tuned.trials if trial.setting == setting])
    if not trials:
        return ""
    last = trials[-1]
    tails = median(trial.tail_ms for trial in trials if trial.clients == last.clients)
    return f"{figure(last.rows_per_second)}, {last.violations:.2%}, {tails:.2f} ms"


def _mark(tuned: Tuned, setting: Setting) -> str:
    if setting == tuned.chosen.setting:
        return "<- chosen"
    misfits = {item.setting: item.misfit for item in tuned.order}
    return misfits.get(setting, "")
