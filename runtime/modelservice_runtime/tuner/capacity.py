"""The largest Poisson rate that one replica carries within the objective: a bisection.

Pure: the measuring comes in as a function. Between 30 % of the closed-loop rate, which nearly
always holds, and the closed-loop rate itself, which never does for long. A rate at which the
median is well within the objective and the percentile is not is measured again until two runs
agree: on a busy machine that is what a disturbance looks like, and overload is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOWEST_SHARE = 0.3
#: Where the lowest share does not hold, it is halved so often.
HALVINGS = 3
STEPS = 4
#: A bracket as narrow as this (of the closed-loop rate) is narrow enough.
NARROW_SHARE = 0.06
#: More requests sent late than this: the generator, not the server, was measured.
MAX_DELAYED_PERCENT = 20.0
#: A median below this share of the objective is no overload.
CALM_SHARE = 0.5
#: So many runs that agree settle a rate at which one looked disturbed.
MAJORITY = 2
#: What a replica is said to carry when no rate was measured, or the objective is out of reach.
UNMEASURED_SHARE = 0.15
BEST_EFFORT_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRun:
    """One run at a rate. ``latency_ms``: at the percentile; None: requests failed."""

    rate: float
    latency_ms: float | None
    median_ms: float = 0.0
    delayed_percent: float = 0.0

    def holds(self, goal_ms: float) -> bool:
        """Whether the objective was kept at this rate."""
        in_time = self.latency_ms is not None and self.latency_ms <= goal_ms
        return in_time and self.delayed_percent <= MAX_DELAYED_PERCENT

    def looks_disturbed(self, goal_ms: float) -> bool:
        """Whether another run at this rate may well hold."""
        calm = self.latency_ms is not None and self.median_ms <= CALM_SHARE * goal_ms
        return calm and not self.holds(goal_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """``rows_per_second`` that hold, and the latency there. ``runs`` in the order made.

    ``note``: in words, where the figure is no measured one.
    """

    rows_per_second: float
    latency_ms: float
    runs: tuple[RateRun, ...] = ()
    note: str = ""


def figure(rate: float) -> str:
    """A rate for people: three digits, more only where they stand before the point."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"  # noqa: PLR2004 - three digits


#: None: there is no time left for a run at this rate.
Measure = Callable[[float], RateRun | None]


def find_capacity(measure: Measure, closed_loop: float, goal_ms: float) -> Capacity:
    """Bisect until time is up, the bracket is narrow or the steps are done.

    ``closed_loop``: rows per second of the setting under closed-loop load.
    """
    runs: list[RateRun] = []
    low, high = _bracket(measure, closed_loop, goal_ms, runs)
    for _ in range(STEPS):
        narrow = high - low <= NARROW_SHARE * closed_loop
        if low == 0.0 or narrow:
            break
        held = _holds(measure, (low + high) / 2, goal_ms, runs)
        if held is None:
            break
        low, high = ((low + high) / 2, high) if held else (low, (low + high) / 2)
    if low > 0.0:
        latency = min(
            run.latency_ms or 0.0 for run in runs if run.rate == low and run.holds(goal_ms)
        )
        return Capacity(rows_per_second=low, latency_ms=latency, runs=tuple(runs))
    return _guess(closed_loop, goal_ms, runs)


def best_effort(measure: Measure, closed_loop: float, goal_ms: float) -> Capacity:
    """What a replica is given where no rate can keep the objective: half of what it can answer."""
    rate = BEST_EFFORT_SHARE * closed_loop
    run = measure(rate)
    latency = run.latency_ms if run and run.latency_ms is not None else goal_ms
    note = f"capacity is {BEST_EFFORT_SHARE:.0%} of full load, since no rate keeps the objective"
    runs = () if run is None else (run,)
    return Capacity(rows_per_second=rate, latency_ms=latency, runs=runs, note=note)


def _bracket(
    measure: Measure, closed_loop: float, goal_ms: float, runs: list[RateRun]
) -> tuple[float, float]:
    """(a rate that holds, one that does not); the first is 0 where none was found."""
    high, rate = closed_loop, LOWEST_SHARE * closed_loop
    for _ in range(1 + HALVINGS):
        held = _holds(measure, rate, goal_ms, runs)
        if held is None:
            break
        if held:
            return rate, high
        rate, high = rate / 2, rate
    return 0.0, high


def _holds(measure: Measure, rate: float, goal_ms: float, runs: list[RateRun]) -> bool | None:
    run = measure(rate)
    if run is None:
        return None
    runs.append(run)
    if not run.looks_disturbed(goal_ms):
        return run.holds(goal_ms)
    verdicts = [False]
    while verdicts.count(True) < MAJORITY and verdicts.count(False) < MAJORITY:
        again = measure(rate)
        if again is None:
            break
        runs.append(again)
        verdicts.append(again.holds(goal_ms))
    return verdicts.count(True) >= MAJORITY


def _guess(closed_loop: float, goal_ms: float, runs: list[RateRun]) -> Capacity:
    tried = [run.rate for run in runs]
    rate = min([UNMEASURED_SHARE * closed_loop, *(rate / 2 for rate in tried)])
    seen = [run.latency_ms for run in runs if run.latency_ms is not None]
    why = f"not even {figure(min(tried))} rows/s held" if tried else "there was no time for a run"
    note = f"capacity is a cautious guess: {why}"
    latency = min(seen, default=goal_ms)
    return Capacity(rows_per_second=rate, latency_ms=latency, runs=tuple(runs), note=note)
