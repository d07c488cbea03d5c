"""The largest Poisson rate that one replica carries within the objective: a bisection.

Pure: the measuring comes in as a function. Between 30 % of the closed-loop rate, which nearly
always holds, and the closed-loop rate itself, which never does for long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOWEST_SHARE = 0.3
HIGHEST_SHARE = 1.0
STEPS = 4
#: More requests sent late than this: the generator, not the server, was measured.
MAX_DELAYED_PERCENT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRun:
    """One run at a rate. ``latency_ms``: at the percentile; None: requests failed."""

    rate: float
    latency_ms: float | None
    delayed_percent: float = 0.0

    def holds(self, goal_ms: float) -> bool:
        """Whether the objective was kept at this rate."""
        in_time = self.latency_ms is not None and self.latency_ms <= goal_ms
        return in_time and self.delayed_percent <= MAX_DELAYED_PERCENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """``rows_per_second`` that hold, and the latency there. ``runs`` in the order made."""

    rows_per_second: float
    latency_ms: float
    runs: tuple[RateRun, ...]


def find_capacity(
    measure: Callable[[float], RateRun], closed_loop: float, goal_ms: float, steps: int = STEPS
) -> Capacity:
    """Bisect; where even the lowest rate does not hold, half of it is given.

    ``closed_loop``: rows per second of the setting under closed-loop load.
    """
    low, high = LOWEST_SHARE * closed_loop, HIGHEST_SHARE * closed_loop
    runs = [measure(low)]
    if not runs[0].holds(goal_ms):
        latency = runs[0].latency_ms or goal_ms
        return Capacity(rows_per_second=low / 2, latency_ms=latency, runs=tuple(runs))
    for _ in range(steps):
        run = measure((low + high) / 2)
        runs.append(run)
        low, high = (run.rate, high) if run.holds(goal_ms) else (low, run.rate)
    held = [run for run in runs if run.holds(goal_ms)]
    best = max(held, key=lambda run: run.rate)
    return Capacity(rows_per_second=best.rate, latency_ms=best.latency_ms or 0.0, runs=tuple(runs))
