"""The goals of the contract beside what was seen: p values, and whether the estimate is within.

======================  ==========================================================
goal                    what has to be proven
======================  ==========================================================
Threshold               the candidate's value is better than ``value``
MaxDegradation          the drop is below ``value``
MaxDegradationPercent   the drop is below ``value`` percent of the source's value
MinImprovement          the drop is below -``value``: it is a gain
MinImprovementPercent   the same, in percent of the source's value
======================  ==========================================================

A drop is positive where the candidate is worse: for an error, of which less is better, a drop is
an increase and a threshold is a ceiling.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.contract.requests import (
    MAX_DEGRADATION,
    MAX_DEGRADATION_PERCENT,
    MIN_IMPROVEMENT,
    MIN_IMPROVEMENT_PERCENT,
    THRESHOLD,
    Goal,
)

from . import words
from .evidence import Evidence

#: Rounding of a mean is no loss.
_ROUNDING = 1e-12


def drop(evidence: Evidence) -> float:
    """What the candidate lost on these samples, negative for a gain."""
    lost = evidence.source_value - evidence.candidate_value
    return lost if evidence.more_is_better else -lost


def margin(goal: Goal, evidence: Evidence) -> float | None:
    """The largest drop that the goal allows, in the metric's unit; None for a threshold.

    Raises:
        ValueError: no such kind of goal.
    """
    percent = goal.value / 100 * abs(evidence.source_value)
    margins = {
        THRESHOLD: None,
        MAX_DEGRADATION: goal.value,
        MAX_DEGRADATION_PERCENT: percent,
        MIN_IMPROVEMENT: -goal.value,
        MIN_IMPROVEMENT_PERCENT: -percent,
    }
    if goal.kind not in margins:
        raise ValueError(f"goal {goal.kind!r}: not one of {', '.join(margins)}")
    return margins[goal.kind]


def p_value(goal: Goal, evidence: Evidence) -> float:
    """How likely it would be to see this if the goal were just missed."""
    allowed = margin(goal, evidence)
    if allowed is None:
        return evidence.p_of_value(goal.value)
    return evidence.p_of_drop(allowed)


def p_of_all(goals: Sequence[Goal], evidence: Evidence) -> float:
    """All goals must hold, so the weakest proof counts; without a goal nothing needs a proof."""
    return max((p_value(goal, evidence) for goal in goals), default=0.0)


def missed(goal: Goal, evidence: Evidence) -> bool:
    """Whether the estimate itself is beyond the goal (at the limit it is not)."""
    allowed = margin(goal, evidence)
    if allowed is not None:
        return drop(evidence) > allowed + _ROUNDING
    short = goal.value - evidence.candidate_value
    return (short if evidence.more_is_better else -short) > _ROUNDING


def within(goals: Sequence[Goal], evidence: Evidence, metric: str = words.UNNAMED) -> str:
    """Why the estimate is not within the goals, in one sentence; empty if it is. No proof.

    ``metric``: its name, for the sentence.
    """
    broken = words.unusable(metric, evidence.unusable, evidence.samples)
    if broken:
        return broken
    for goal in goals:
        if missed(goal, evidence):
            return f"{beside(metric, evidence)}; {limit(goal, evidence)}"
    return ""


def beside(metric: str, evidence: Evidence) -> str:
    """``Accuracy 0.97 instead of 0.98 on 300 samples: a loss of 0.01``."""
    return (
        f"{metric} {words.number(evidence.candidate_value)} instead of"
        f" {words.number(evidence.source_value)} on {words.samples(evidence.samples)}:"
        f" {words.change(drop(evidence))}"
    )


def limit(goal: Goal, evidence: Evidence) -> str:
    """``the goal allows 0.01``; for a threshold ``the goal is at least 0.95``."""
    allowed = margin(goal, evidence)
    if allowed is None:
        side = "at least" if evidence.more_is_better else "at most"
        return f"the goal is {side} {words.number(goal.value)}"
    of = f" ({goal.value:g} % of {words.number(evidence.source_value)})" * goal.kind.endswith(
        "Percent"
    )
    if goal.kind in (MIN_IMPROVEMENT, MIN_IMPROVEMENT_PERCENT):
        return f"the goal is a gain of at least {words.number(-allowed)}{of}"
    return f"the goal allows {words.number(allowed)}{of}"
