"""Rates, times, shares and goals in words; a dash for what is not known."""

from __future__ import annotations

import math
from typing import TypeGuard

from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.pages import figures
from modelservice_runtime.pages.figures import NOTHING

_MIB, _GIB = 2**20, 2**30
_SMALL_RATE = 100
#: No rate, time or share is as large: such a figure is an error, not to be drawn.
_BEYOND = 1e12


def known(value: float | None) -> TypeGuard[float]:
    """Whether there is a figure to show."""
    return value is not None and math.isfinite(value) and abs(value) < _BEYOND


def rate(value: float | None) -> str:
    """``1,234`` or ``12.3``, of rows per second."""
    if not known(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= _SMALL_RATE else f"{value:.3g}"


def rows_per_second(value: float | None) -> str:
    """``1,234 rows/s``."""
    return f"{rate(value)} rows/s" if known(value) else NOTHING


def milliseconds(value: float | None) -> str:
    """``12.3 ms``; nothing takes no time at all."""
    return figures.milliseconds(value) if known(value) and value > 0 else NOTHING


def seconds(value: float) -> str:
    """``65 s``, ``12 min 5 s``."""
    return figures.seconds(value) if known(value) else NOTHING


def percent(value: float | None) -> str:
    """``0.123 %``, ``12.3 %``."""
    return f"{value:.3g} %" if known(value) else NOTHING


def memory(value: float | None) -> str:
    """``812 MiB``, ``1.25 GiB``; of nothing a dash."""
    if not value:
        return NOTHING
    return f"{value / _MIB:.0f} MiB" if value < _GIB else f"{value / _GIB:.2f} GiB"


def off(simulated: float | None, measured: float | None) -> float | None:
    """How far the simulation is from what was measured, in percent of the latter."""
    if not known(simulated) or not known(measured) or measured <= 0:
        return None
    return 100 * (simulated - measured) / measured


def signed(value: float | None, unit: str = "%") -> str:
    """``+3.1 %``."""
    if not known(value):
        return NOTHING
    rounded = round(value, 1)
    return f"{rounded:+.1f} {unit}" if rounded else f"0.0 {unit}"


def percentile(objective: LatencyObjective) -> str:
    """``p99``."""
    return f"p{objective.percentile:g}"


def goal(objective: LatencyObjective) -> str:
    """``p99 ≤ 20 ms``."""
    return f"{percentile(objective)} ≤ {objective.milliseconds:g} ms"
