"""The verdict on every candidate that came to the gate, all of them together.

==================================================  ============
what was seen                                        verdict
==================================================  ============
the metric is NaN somewhere                          FAILS
the estimate is beyond a goal                        FAILS
all goals proven, the risk shared by all (Holm)      PASSES
otherwise: within the goals, but not proven          CANNOT_TELL
==================================================  ============
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.manifest import MetricValue
from modelservice_runtime.contract.requests import (
    MAX_DEGRADATION,
    MAX_DEGRADATION_PERCENT,
    THRESHOLD,
    Goal,
)

from . import goals as aims
from . import needed, several, words
from .evidence import Evidence

PASSES, FAILS, CANNOT_TELL = "Passes", "Fails", "CannotTell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``outcome``: ``PASSES``, ``FAILS`` or ``CANNOT_TELL``; ``reason``: one sentence.

    ``metric``: None if there is no number. ``needed``: about so many samples would tell, where
    these cannot; else 0.
    """

    outcome: str
    reason: str
    metric: MetricValue | None
    needed: int = 0


def judge(
    evidence: Mapping[str, Evidence],
    goals: Sequence[Goal],
    confidence: float,
    metric: str = words.UNNAMED,
) -> Mapping[str, Verdict]:
    """One verdict for each candidate (by its name), in the same order.

    ``metric``: its name. The risk that any bad candidate passes is 1 - ``confidence`` for all
    of them together.
    """
    usable = {name: seen for name, seen in evidence.items() if _usable(seen)}
    p_values = [aims.p_of_all(goals, seen) for seen in usable.values()]
    adjusted = dict(zip(usable, several.adjusted(p_values), strict=True))
    proven = {name for name, value in adjusted.items() if value <= 1 - confidence}
    # Those that Holm's method stops at share the risk that is left.
    levels = _Levels(one=confidence, sharing=len(usable) - len(proven))
    return {
        name: _verdict(seen, goals, levels, metric, proven=name in proven)
        for name, seen in evidence.items()
    }


def measured(seen: Evidence, metric: str, confidence: float) -> MetricValue:
    """The metric with its bounds, for the manifest and the report."""
    low, high = seen.drop_bounds(confidence)
    return MetricValue(
        name=metric,
        value=seen.candidate_value,
        source_value=seen.source_value,
        drop=aims.drop(seen),
        drop_low=low,
        drop_high=high,
        samples=seen.samples,
        confidence=confidence,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Levels:
    """``one``: the confidence asked for; ``sharing``: candidates that did not pass."""

    one: float
    sharing: int

    @property
    def shared(self) -> float:
        """What each of them has to reach."""
        return 1 - (1 - self.one) / max(1, self.sharing)


def _usable(seen: Evidence) -> bool:
    return seen.samples > 0 and not any(seen.unusable)


def _verdict(
    seen: Evidence, goals: Sequence[Goal], levels: _Levels, metric: str, *, proven: bool
) -> Verdict:
    if seen.samples == 0:
        return Verdict(outcome=CANNOT_TELL, reason=f"{metric}: there are no samples", metric=None)
    broken = words.unusable(metric, seen.unusable, seen.samples)
    if broken:
        return Verdict(outcome=FAILS, reason=broken, metric=None)
    value = measured(seen, metric, levels.one)
    for goal in goals:
        if aims.missed(goal, seen):
            return Verdict(outcome=FAILS, reason=_lost(seen, goal, value), metric=value)
    if proven:
        return Verdict(outcome=PASSES, reason=_won(seen, goals, value), metric=value)
    weakest = max(goals, key=lambda goal: aims.p_value(goal, seen))
    missing = needed.needed(weakest, seen, levels.shared)
    reason = _open(seen, weakest, levels, metric, missing)
    return Verdict(outcome=CANNOT_TELL, reason=reason, metric=value, needed=missing.nearly_always)


def _lost(seen: Evidence, goal: Goal, value: MetricValue) -> str:
    limit = aims.limit(goal, seen)
    if goal.kind in (MAX_DEGRADATION, MAX_DEGRADATION_PERCENT):
        possible = f"up to {words.number(value.drop_high)} is possible"
        return f"{aims.beside(value.name, seen)}, {possible}; {limit}"
    return f"{aims.beside(value.name, seen)}; {limit}"


def _won(seen: Evidence, goals: Sequence[Goal], value: MetricValue) -> str:
    limits = " and ".join(aims.limit(goal, seen) for goal in goals) or "there is no goal"
    high = value.drop_high
    bound = (
        f"at least {words.number(-high)} of gain" if high < 0 else f"at most {words.number(high)}"
    )
    sure = words.percent(value.confidence)
    return f"{aims.beside(value.name, seen)}, {bound} with {sure} confidence; {limits}"


def _open(seen: Evidence, goal: Goal, levels: _Levels, metric: str, missing: needed.Needed) -> str:
    """Why nobody can tell, and how many samples would."""
    return f"{_unsure(seen, goal, levels, metric)}; {_wanted(seen, missing)}"


def _unsure(seen: Evidence, goal: Goal, levels: _Levels, metric: str) -> str:
    start = f"{words.samples(seen.samples)} cannot tell: "
    if seen.samples < seen.fewest:
        return f"{start}{metric} of fewer than {seen.fewest} proves nothing"
    limit = aims.limit(goal, seen)
    if goal.kind == THRESHOLD:
        return f"{start}{metric} {words.number(seen.candidate_value)} may be chance, {limit}"
    lost = words.change(aims.drop(seen))
    lost = "no loss was seen" if lost == "no loss" else f"{lost} was seen"
    high = seen.drop_bounds(levels.shared)[1]
    possible = f"up to {words.number(high)} is possible"
    if high < 0:
        possible = f"no more than a gain of {words.number(-high)} is certain"
    if levels.sharing > 1:
        possible += f" ({levels.sharing} candidates share the risk)"
    return f"{start}{lost}, but {possible} and {limit}"


def _wanted(seen: Evidence, missing: needed.Needed) -> str:
    if seen.samples < missing.lossless:
        return (
            f"about {missing.lossless} samples are needed without any loss,"
            f" about {max(missing.lossless, missing.nearly_always)} with half of what is allowed"
        )
    return f"about {missing.nearly_always} samples are needed"
