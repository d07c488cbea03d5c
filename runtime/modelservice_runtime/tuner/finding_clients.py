"""What one replica carries in a closed loop: with all clients, or the most that keep the goal.

Whoever waits for its answer sends nothing meanwhile, so the rate is what so many clients get.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from .confirming import Confirming
from .deadline import Deadline
from .figures import figure
from .finding_capacity import (
    LOWER_SHARE,
    LOWEST_SHARE,
    MOST_RUNS,
    UNPROVEN_SHARE,
    Capacity,
    unproven_words,
)
from .question import Question
from .search import Candidate
from .trials import ENOUGH_REQUESTS, Trial, Verdict, valid, verdict


def find(confirming: Confirming, best: Candidate, deadline: Deadline) -> Capacity:
    """The most clients of those asked for that keep the goal, confirmed or corrected by runs.

    What the setting was loaded with before counts too.
    """
    question, candidate = confirming.question, best
    for _ in range(MOST_RUNS):
        seen = valid(confirming.trials_of(candidate.setting))
        clients = next_clients(candidate, seen, question)
        if not clients or _is_proven(seen, clients, question):
            break
        if confirming.run_clients(candidate, clients, deadline, 0.8) is None:
            break
        candidate = confirming.corrected(candidate)
    trials = confirming.trials_of(candidate.setting)
    seen = valid(trials)
    held = most_held(seen, question)
    if held:
        own = [trial for trial in seen if trial.clients == held]
        return Capacity(
            rows_per_second=median(trial.rows_per_second for trial in own),
            latency_ms=median(trial.tail_ms for trial in own),
            candidate=candidate,
            clients=held,
            missed=missed_words(seen, held, question),
        )
    modelled = candidate.rows_per_second or LOWEST_SHARE * candidate.throughput
    rate, clients = UNPROVEN_SHARE * modelled, max(1, next_clients(candidate, seen, question))
    latency = candidate.latency_ms
    return Capacity(
        rows_per_second=rate,
        latency_ms=latency if math.isfinite(latency) else question.objective.milliseconds,
        candidate=candidate,
        clients=clients,
        missed=missed_words(seen, clients, question),
        note=unproven_words(trials, rate),
    )


def next_clients(candidate: Candidate, seen: Sequence[Trial], question: Question) -> int:
    """What the model says, or the most that kept the goal in runs; but fewer than surely miss it.

    The more often runs said no, the fewer of them. 0: not even one client keeps it.
    """
    judged = _judged(seen)
    failed = [many for many, one in judged.items() if _has_failed(one, question)]
    fewest = min(failed, default=None)
    wanted = max(candidate.clients, most_held(seen, question))
    if fewest is None:
        return wanted or 1
    lower = LOWER_SHARE ** (2 ** (len(failed) - 1))
    return min(wanted or fewest // 2, int(lower * fewest))


def most_held(seen: Sequence[Trial], question: Question) -> int:
    """The most clients with which the goal was kept in all runs together; 0: with none."""
    allowed = question.goal.violations
    held = [many for many, one in _judged(seen).items() if one.violations <= allowed]
    return max(held, default=0)


def missed_words(seen: Sequence[Trial], held: int, question: Question) -> str:
    """That the goal is missed with as many clients as were asked for, and what was seen of it.

    Empty where it is kept.
    """
    asked, objective = question.clients, question.objective
    if held >= asked:
        return ""
    own = [trial for trial in seen if trial.clients == asked]
    words = f"{question.goal_words()} is missed with {asked} requests in flight"
    if not own:
        return f"{words}, as the model says"
    tail = median(trial.tail_ms for trial in own)
    rows = median(trial.rows_per_second for trial in own)
    late = verdict(own).violations
    return (
        f"{words}: p{objective.percentile:g} is {tail:.1f} ms there, {late:.1%} are late,"
        f" at {figure(rows)} rows/s"
    )


def _judged(seen: Sequence[Trial]) -> dict[int, Verdict]:
    """All runs with as many clients together."""
    counts = {trial.clients for trial in seen if trial.clients}
    return {n: verdict([trial for trial in seen if trial.clients == n]) for n in counts}


def _has_failed(judged: Verdict, question: Question) -> bool:
    allowed = question.goal.violations
    if judged.requests >= ENOUGH_REQUESTS:
        return judged.violations > allowed
    return judged.keeps(allowed) is False


def _is_proven(seen: Sequence[Trial], clients: int, question: Question) -> bool:
    own = verdict([trial for trial in seen if trial.clients == clients])
    return own.requests >= ENOUGH_REQUESTS and not _has_failed(own, question)
