"""The result and the goals in sentences."""

from __future__ import annotations

from modelservice_runtime.builder.judged import Judged
from modelservice_runtime.builder.measuring import speedup
from modelservice_runtime.contract.manifest import LatencyPair, MetricValue
from modelservice_runtime.contract.requests import (
    MAX_DEGRADATION,
    MAX_DEGRADATION_PERCENT,
    MEAN_ABSOLUTE_ERROR,
    MIN_IMPROVEMENT,
    MIN_IMPROVEMENT_PERCENT,
    THRESHOLD,
    Goal,
)
from modelservice_runtime.pages.figures import NOTHING, TIMES, milliseconds, number

from .document import Report


def headline(report: Report) -> str:
    """The winner in one line."""
    chosen = report.chosen
    if chosen is None:
        return "Nothing is served: no candidate was chosen."
    keeps = "the goals are kept" if report.goal_met else "the goals are not proven"
    return f"{chosen.recipe.name}{_how_fast(chosen)}{_how_good(chosen)}; {keeps}."


def _how_fast(chosen: Judged) -> str:
    if not chosen.latency:
        return " is served"
    first = min(chosen.latency, key=lambda pair: pair.batch)
    return (
        f" is served: {speedup(chosen.latency):.2f} times as fast as the source model"
        f" ({milliseconds(first.artifact_ms)} instead of {milliseconds(first.source_ms)} at batch"
        f" {first.batch})"
    )


def _how_good(chosen: Judged) -> str:
    metric = chosen.metric
    if metric is None:
        return ", with the source model's own answers" if chosen.recipe.exact else ""
    return (
        f", {metric.name} {number(metric.value)} instead of {number(metric.source_value)}"
        f" on {metric.samples} samples"
    )


def goal(aim: Goal, metric: str) -> str:
    """A goal of the contract, for a person."""
    side = "at most" if metric == MEAN_ABSOLUTE_ERROR else "at least"
    sentences = {
        THRESHOLD: f"{side} {aim.value:g}",
        MAX_DEGRADATION: f"at most {aim.value:g} worse than the source model",
        MAX_DEGRADATION_PERCENT: f"at most {aim.value:g} % worse than the source model",
        MIN_IMPROVEMENT: f"at least {aim.value:g} better than the source model",
        MIN_IMPROVEMENT_PERCENT: f"at least {aim.value:g} % better than the source model",
    }
    return f"{metric or 'the metric'} {sentences.get(aim.kind, f'{aim.kind} {aim.value:g}')}"


def lost(metric: MetricValue) -> str:
    """The drop with its bounds: ``-0.001 (-0.004 … 0.002)``."""
    return f"{number(metric.drop)} ({number(metric.drop_low)} … {number(metric.drop_high)})"


def times(pair: LatencyPair) -> str:
    """The speed-up with its interval, with ``TIMES`` for a sign: ``2.10 x (2.05 … 2.16)``."""
    found = f"{pair.source_ms / max(pair.artifact_ms, 1e-9):.2f} {TIMES}"
    if pair.speedup_high <= 0:
        return found
    return f"{found} ({pair.speedup_low:.2f} … {pair.speedup_high:.2f})"


def times_overall(candidate: Judged) -> str:
    """The geometric mean over the batch sizes, and those of the interval's ends."""
    if not candidate.latency:
        return NOTHING
    found = f"{speedup(candidate.latency):.2f} {TIMES}"
    low, high = speedup_bounds(candidate)
    return found if high <= 0 else f"{found} ({low:.2f} … {high:.2f})"


def speedup_bounds(candidate: Judged) -> tuple[float, float]:
    """Geometric means of the bounds over the batch sizes; zeros where there are none."""
    low = high = 1.0
    for pair in candidate.latency:
        low *= max(pair.speedup_low, 0.0)
        high *= max(pair.speedup_high, 0.0)
    if not candidate.latency or high <= 0:
        return 0.0, 0.0
    return low ** (1 / len(candidate.latency)), high ** (1 / len(candidate.latency))
