"""The third part of a tuning: what one replica carries at the chosen setting, proven by load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .confirming import Confirming
from .deadline import Deadline
from .figures import figure
from .question import Question
from .search import NOISE_SHARE, Candidate, batching_of
from .simulation.capacity import carried
from .trials import ENOUGH_REQUESTS, LOWER_SHARE, Trial, most_sent, valid, verdict

#: Runs at the rate that the model says, each after the model was put right with those before.
MOST_RUNS = 4
#: As many where none of them kept the goal: then each is at a far lower rate than the one before.
MOST_FAILURES = 6
#: Less than this of what the model says: it has not seen something, another option may be better.
FELL_SHARE = 0.8
#: What a replica is said to carry where no rate keeps the objective.
BEST_EFFORT_SHARE = 0.5
#: Runs at rates that differ by less than this count together.
SAME_RATE = 0.97
#: Of the throughput: what is tried where the model says that no rate keeps the goal.
LOWEST_SHARE = 0.3
#: Beside the model's word where no run could be made.
UNPROVEN_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """``rows_per_second`` that hold, and the latency there. ``note``: what is open, in words.

    ``clients``: of a closed loop, those that get this rate; ``missed``: where they are fewer than
    were asked for, what was seen with all of them.
    """

    rows_per_second: float
    latency_ms: float
    candidate: Candidate
    clients: int = 0
    missed: str = ""
    note: str = ""


def find_among(
    confirming: Confirming, best: Candidate, order: Sequence[Candidate], deadline: Deadline
) -> Capacity:
    """``find`` of ``best``; where far less holds than the model says, of other options as well.

    Curves tell how long executions take on average; that one of them takes far longer now and then,
    as threads do that wait for each other on a busy core, is seen under load alone. The best of
    ``order`` of each other option is then asked for more than what held.
    """
    found = find(confirming, best, deadline)
    promised, held = strict_rate(best, confirming.question), _held(found)
    enough = held > 0.0 and held >= FELL_SHARE * promised
    if enough or not valid(confirming.trials_of(best.setting)):
        return found
    asked = {best.setting.option}
    for other in order:
        option, wanted = other.setting.option, (1 + NOISE_SHARE) * _held(found)
        if option in asked or other.misfit or other.rows_per_second <= wanted:
            continue
        again = find(confirming, other, deadline, least=wanted)
        if not confirming.trials_of(other.setting):
            break  # time is up
        asked.add(option)
        if _held(again) > wanted:
            found = again
    confirming.bench.notes.append(_fell_words(best, promised, found, len(asked)))
    return found


def _held(found: Capacity) -> float:
    """Rows a second that a run has shown."""
    return 0.0 if found.note else found.rows_per_second


def _fell_words(best: Candidate, promised: float, found: Capacity, many: int) -> str:
    held = _held(found)
    words = f"at most {figure(held)} rows/s held" if held else "no rate held"
    tried = "" if many == 1 else f"; the best of {many} combinations of instances and threads"
    return (
        f"under load {words} where the model said {figure(promised)} rows/s of"
        f" {best.setting.words()}{tried}"
    )


def find(
    confirming: Confirming, best: Candidate, deadline: Deadline, least: float = 0.0
) -> Capacity:
    """The model's rate at half of the violations, confirmed or corrected by runs at it.

    What the setting was loaded with before counts too. Below ``least`` it is not looked for.
    """
    question = confirming.question
    candidate, failures, runs = best, 0, 0
    while runs < (MOST_RUNS if failures < runs else MOST_FAILURES):
        seen = valid(confirming.trials_of(candidate.setting))
        rate = next_rate(candidate, seen, question, failures)
        rate = min(rate, most_sent(confirming.trials))
        if rate < least or _is_proven(seen, rate, question):
            break
        trial = confirming.run(candidate.setting, rate, 20 + runs, deadline, 0.8)
        if trial is None:
            break
        runs += 1
        failures += not (trial.discarded or _holds(trial, question))
        candidate = confirming.corrected(candidate)
    trials = confirming.trials_of(candidate.setting)
    seen = valid(trials)
    held = held_rate(seen, question)
    if held is not None:
        return Capacity(
            rows_per_second=held.rows_per_second, latency_ms=held.tail_ms, candidate=candidate
        )
    rate = next_rate(candidate, seen, question, failures)
    rate = UNPROVEN_SHARE * min(rate, most_sent(trials))
    latency = min((trial.tail_ms for trial in seen), default=candidate.latency_ms)
    goal_ms = question.objective.milliseconds
    return Capacity(
        rows_per_second=rate,
        latency_ms=latency if math.isfinite(latency) else goal_ms,
        candidate=candidate,
        note=unproven_words(trials, rate),
    )


def next_rate(
    candidate: Candidate, seen: Sequence[Trial], question: Question, failures: int
) -> float:
    """What the model says, but below what failed; where it says nothing: half of what failed.

    Each failure in vain doubles the step down; once a rate has held, the next is in the middle
    between it and what failed, until that is near.
    """
    failed = _smallest_failure(seen, question)
    held = max(
        (t.rows_per_second for t in seen if t.rows_per_second < failed and _holds(t, question)),
        default=0.0,
    )
    below = LOWER_SHARE * failed if held else LOWER_SHARE ** (2**failures) * failed
    if held and held < SAME_RATE * below:
        below = math.sqrt(held * failed)
    modelled = strict_rate(candidate, question)
    if modelled > 0:
        return min(modelled, below)
    return min(LOWEST_SHARE * candidate.throughput, failed / 2)


def _holds(trial: Trial, question: Question) -> bool:
    return trial.violations <= question.goal.violations


def held_rate(trials: Sequence[Trial], question: Question) -> Trial | None:
    """The run at the largest rate that held, as far as the runs agree; None where none did.

    A moment in which the machine did something else makes a run fail beside another that held at
    a higher rate. The rate is taken that fewest runs contradict: that failed below it, or held
    above it; of several the smallest.
    """
    held = [trial for trial in trials if _holds(trial, question)]

    def contradicted(rate: float) -> int:
        below = [t for t in trials if not _holds(t, question) and t.rows_per_second <= rate]
        above = [t for t in held if t.rows_per_second > rate]
        return len(below) + len(above)

    return min(
        held,
        key=lambda trial: (contradicted(trial.rows_per_second), trial.rows_per_second),
        default=None,
    )


def _is_proven(trials: Sequence[Trial], rate: float, question: Question) -> bool:
    """Whether enough requests were sent at about this rate, or above it, and were in time."""
    near = [trial for trial in trials if trial.rows_per_second >= SAME_RATE * rate]
    seen = verdict(near)
    return seen.requests >= ENOUGH_REQUESTS and seen.violations <= question.goal.violations


def _smallest_failure(trials: Sequence[Trial], question: Question) -> float:
    """The smallest rate that failed; infinity where none did."""
    failed = [trial.rows_per_second for trial in trials if not _holds(trial, question)]
    return min(failed, default=math.inf)


def strict_rate(candidate: Candidate, question: Question) -> float:
    """R(1) as the model has it."""
    if question.clients:
        return candidate.rows_per_second
    batching = batching_of(candidate.setting)
    goal = question.goal.stricter()
    return carried(candidate.service, batching, question.source, goal).rows_per_second


def best_effort(confirming: Confirming, candidate: Candidate, deadline: Deadline) -> Capacity:
    """Where no rate can keep the objective: half of what a replica can answer."""
    rate, clients = BEST_EFFORT_SHARE * candidate.throughput, confirming.question.clients
    if clients:
        trial = confirming.run_clients(candidate, clients, deadline, 0.8)
    else:
        trial = confirming.run(candidate.setting, rate, 20, deadline, 0.8)
    latency = trial.tail_ms if trial else confirming.question.objective.milliseconds
    note = f"capacity is {BEST_EFFORT_SHARE:.0%} of full load, since no rate keeps the objective"
    return Capacity(rows_per_second=rate, latency_ms=latency, candidate=candidate, note=note)


def unproven_words(trials: Sequence[Trial], rate: float) -> str:
    """Why no run proves the rate."""
    if not trials:
        return "capacity is what the model says less 30 %: there was no time for a run"
    if not valid(trials):
        return (
            "capacity is what the model says less 30 %: the load generator fell behind in all runs"
        )
    return f"capacity {figure(rate)} rows/s is a cautious guess: no run kept the goal"
