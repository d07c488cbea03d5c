"""How well the simulation agrees with what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from .document import RunView, SettingView, TuningReport
from .words import known, off

#: Differences of shares are in percentage points, all others relative to what was measured.
PERCENT, POINTS = "%", "points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of one figure. ``bias``: median of simulated - measured; ``typical``: without its sign."""

    figure: str
    unit: str
    compared: int
    bias: float
    typical: float
    largest: float


def kept(report: TuningReport) -> tuple[RunView, ...]:
    """The runs that count."""
    return tuple(run for run in report.runs if not run.discarded)


def agreements(report: TuningReport) -> tuple[Agreement, ...]:
    """One for each figure that was both simulated and measured at least once."""
    runs, settings = kept(report), report.settings
    found = (
        _of("capacity of a setting", PERCENT, (_capacity(each) for each in settings)),
        _of("latency at capacity", PERCENT, (_latency(each) for each in settings)),
        _of("p50 of a run", PERCENT, (off(r.simulated_p50_ms, r.measured_p50_ms) for r in runs)),
        _of("p99 of a run", PERCENT, (off(r.simulated_p99_ms, r.measured_p99_ms) for r in runs)),
        _of("rows per second of a run", PERCENT, (_rows(run) for run in runs)),
        _of("requests late in a run", POINTS, (_late(run) for run in runs)),
    )
    return tuple(each for each in found if each is not None)


def _of(figure: str, unit: str, differences: Iterable[float | None]) -> Agreement | None:
    found = [each for each in differences if known(each)]
    if not found:
        return None
    sizes = [abs(each) for each in found]
    return Agreement(
        figure=figure,
        unit=unit,
        compared=len(found),
        bias=median(found),
        typical=median(sizes),
        largest=max(sizes),
    )


def _capacity(setting: SettingView) -> float | None:
    return off(setting.simulated_capacity, setting.measured_capacity)


def _latency(setting: SettingView) -> float | None:
    return off(setting.simulated_latency_ms, setting.measured_latency_ms)


def _rows(run: RunView) -> float | None:
    return off(run.simulated_rows_per_second, run.measured_rows_per_second)


def _late(run: RunView) -> float | None:
    return run.simulated_violation_percent - run.measured_violation_percent
