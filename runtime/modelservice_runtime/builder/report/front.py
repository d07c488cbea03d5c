"""Which candidates no other one beats, and what they lost, for the picture of the choice."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.builder import choosing
from modelservice_runtime.builder.judged import CHOSEN, FINALIST, PASSED, Judged
from modelservice_runtime.builder.measuring import speedup
from modelservice_runtime.contract.requests import MEAN_ABSOLUTE_ERROR

from .document import Report

#: Within the goals.
KEPT = (CHOSEN, FINALIST, PASSED)


def front(candidates: Sequence[Judged]) -> tuple[Judged, ...]:
    """The Pareto front over metric, speed and size of those within the goals, fastest first."""
    kept = {each.recipe.name: each for each in candidates if each.outcome in KEPT and each.latency}
    options = [
        choosing.Option(
            name=name,
            speedup=speedup(each.latency),
            drop=proven_drop(each) or 0.0,
            size_bytes=each.size_bytes,
        )
        for name, each in kept.items()
    ]
    return tuple(kept[option.name] for option in choosing.front(options))


def proven_drop(candidate: Judged) -> float | None:
    """What it lost on the gate's part, 0 if it computes what the source model does."""
    if candidate.recipe.exact:
        return 0.0
    return None if candidate.metric is None else candidate.metric.drop


def estimated_drop(candidate: Judged, report: Report) -> float | None:
    """``proven_drop``, or what the selection part shows beside the source model's gate value."""
    found = proven_drop(candidate)
    evaluated = report.evaluated
    if found is not None or evaluated is None or evaluated.source_value is None:
        return found
    if candidate.selection_value is None:
        return None
    drop = evaluated.source_value - candidate.selection_value
    return -drop if less_is_better(report) else drop


def less_is_better(report: Report) -> bool:
    """For an error; for the user's own metric what the gate took it for."""
    for candidate in report.candidates:
        metric = candidate.metric
        if metric is not None and metric.drop * (metric.value - metric.source_value) > 0:
            return True
    return report.evaluated is not None and report.evaluated.metric == MEAN_ABSOLUTE_ERROR
