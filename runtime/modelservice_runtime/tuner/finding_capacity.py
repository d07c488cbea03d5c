"""The third part of a tuning: what one replica carries at the chosen setting, proven by load."""

from __future__ import annotations

from dataclasses import dataclass

from .confirming import SLOWER_SHARE, Confirming
from .deadline import Deadline
from .figures import figure
from .question import Question
from .search import Candidate, batching_of
from .simulation.capacity import carried
from .trials import ENOUGH_REQUESTS, Trial, valid, verdict

#: Runs at the rate that the model says, each after the model was put right with those before.
MOST_RUNS = 4
#: What a replica is said to carry where no rate keeps the objective.
BEST_EFFORT_SHARE = 0.5
#: Beside the model's word where no run could be made.
UNPROVEN_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """``rows_per_second`` that hold, and the latency there. ``note``: what is open, in words."""

    rows_per_second: float
    latency_ms: float
    candidate: Candidate
    note: str = ""


def find(confirming: Confirming, best: Candidate, deadline: Deadline) -> Capacity:
    """The model's rate at half of the violations, confirmed or corrected by runs at it."""
    question = confirming.question
    allowed = question.goal.violations
    candidate, last, share = best, None, 1.0
    for number in range(MOST_RUNS):
        rate = share * strict_rate(candidate, question)
        if rate <= 0:
            break
        trial = confirming.run(candidate.setting, rate, 20 + number, deadline, 0.8)
        if trial is None:
            break
        if trial.discarded:
            share *= SLOWER_SHARE
            continue
        last = trial
        candidate = confirming.corrected(candidate)
        corrected = strict_rate(candidate, question)
        together = [one for one in valid(confirming.trials) if _is_near(one, trial)]
        seen = verdict(together)
        settled = seen.requests >= ENOUGH_REQUESTS or number + 1 >= MOST_RUNS
        if seen.violations <= allowed and corrected >= 0.97 * rate and settled:
            break
    rate = share * strict_rate(candidate, question)
    note = _note(last, rate, allowed)
    if last is None:
        rate *= UNPROVEN_SHARE
    latency = last.tail_ms if last is not None else candidate.latency_ms
    return Capacity(rows_per_second=rate, latency_ms=latency, candidate=candidate, note=note)


def strict_rate(candidate: Candidate, question: Question) -> float:
    """R(1) as the model has it."""
    batching = batching_of(candidate.setting)
    goal = question.goal.stricter()
    return carried(candidate.service, batching, question.source, goal).rows_per_second


def best_effort(confirming: Confirming, candidate: Candidate, deadline: Deadline) -> Capacity:
    """Where no rate can keep the objective: half of what a replica can answer."""
    rate = BEST_EFFORT_SHARE * candidate.throughput
    trial = confirming.run(candidate.setting, rate, 20, deadline, 0.8)
    latency = trial.tail_ms if trial else confirming.question.objective.milliseconds
    note = f"capacity is {BEST_EFFORT_SHARE:.0%} of full load, since no rate keeps the objective"
    return Capacity(rows_per_second=rate, latency_ms=latency, candidate=candidate, note=note)


def _is_near(one: Trial, trial: Trial) -> bool:
    """At the same setting and about the same rate."""
    same = one.setting == trial.setting
    return same and abs(one.rows_per_second / trial.rows_per_second - 1) <= 0.03  # noqa: PLR2004


def _note(last: Trial | None, rate: float, allowed: float) -> str:
    if last is None:
        return "capacity is what the model says less 30 %: there was no time for a run"
    if last.violations > allowed:
        return (
            f"capacity {figure(rate)} rows/s is the model's, after a run at"
            f" {figure(last.rows_per_second)} rows/s in which {last.violations:.1%} were late"
        )
    return ""
