"""What one replica carries in a closed loop: with all clients, or the most that keep the goal.

Whoever waits for its answer sends nothing meanwhile, so the rate is what so many clients get.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from .clients_held import is_proven, most_held, next_clients
from .confirming import Confirming
from .deadline import Deadline
from .figures import figure
from .finding_capacity import (
    LOWEST_SHARE,
    MOST_RUNS,
    UNPROVEN_SHARE,
    Capacity,
    unproven_words,
)
from .question import Question
from .search import Candidate
from .trials import Trial, valid, verdict


def find(confirming: Confirming, best: Candidate, deadline: Deadline) -> Capacity:
    """The most clients of those asked for that keep the goal, confirmed or corrected by runs.

    What the setting was loaded with before counts too.
    """
    question, candidate = confirming.question, best
    for _ in range(MOST_RUNS):
        seen = valid(confirming.trials_of(candidate.setting))
        clients = next_clients(candidate, seen, question)
        if not clients or is_proven(seen, clients, question):
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


def missed_words(seen: Sequence[Trial], held: int, question: Question) -> str:
    """That the goal is missed with as many clients as were asked for, and what was seen of it.

    Empty where it is kept.
    """
    asked, objective = question.clients, question.objective
    if question.has_all(held):
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
