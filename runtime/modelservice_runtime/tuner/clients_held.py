"""With how many clients of a closed loop the goal is kept, as runs and the model tell. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from .question import Question
from .search import CLEARLY_BEHIND, NOISE_SHARE, Candidate
from .trials import ENOUGH_REQUESTS, LOWER_SHARE, Trial, Verdict, verdict

#: Where the goal is missed with all of them, fewer than so many times as many as kept it are not
#: worth a run of their own: it is proven with those that did.
WORTH_MORE = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What runs of one setting have shown.

    ``held``: the most clients that kept the goal, and the rows a second that they got; 0: none did.
    ``missed``: the fewest beyond them of which it is decided that they miss it, and what they got,
    which fewer of them do not get; infinity: none did.
    """

    held: int
    held_rows: float
    missed: float
    missed_rows: float

    def within(self, candidate: Candidate) -> Candidate:
        """The model's word, but no less than what held and no more than what missed the goal."""
        clients = int(min(candidate.clients, self.missed - 1))
        if clients <= self.held:
            return replace(candidate, clients=self.held, rows_per_second=self.held_rows)
        rows = min(candidate.rows_per_second, self.missed_rows)
        return replace(candidate, clients=clients, rows_per_second=max(self.held_rows, rows))


def shown(seen: Sequence[Trial], question: Question) -> Shown:
    """By all runs with as many clients together."""
    held = most_held(seen, question)
    rows = _rows(seen, held) if held else 0.0
    beyond = [many for many in _failed(seen, question) if many > held]
    if not beyond:
        return Shown(held=held, held_rows=rows, missed=math.inf, missed_rows=math.inf)
    missed = min(beyond)
    most = max(rows, _rows(seen, missed))
    return Shown(held=held, held_rows=rows, missed=missed, missed_rows=most)


def still_open(hopes: Sequence[tuple[Candidate, Shown]]) -> list[Candidate]:
    """Those that may be the best yet: what missed the goal got more than what held elsewhere."""
    best = max((known.held_rows for _, known in hopes), default=0.0)
    return [
        hope
        for hope, known in hopes
        if known.missed_rows >= best and hope.rows_per_second >= CLEARLY_BEHIND * best
    ]


def is_decided(hopes: Sequence[tuple[Candidate, Shown]]) -> bool:
    """Whether one held, and no other carries clearly more."""
    best = max(hopes, key=lambda pair: pair[1].held_rows)
    most = (1 + NOISE_SHARE) * best[1].held_rows
    return all(pair is best or pair[0].rows_per_second <= most for pair in hopes)


def _rows(seen: Sequence[Trial], clients: int) -> float:
    return median(trial.rows_per_second for trial in seen if trial.clients == clients)


def next_clients(candidate: Candidate, seen: Sequence[Trial], question: Question) -> int:
    """What the model says, or the most that kept the goal in runs; but fewer than surely miss it.

    The more often runs said no, the fewer of them. 0: not even one client keeps it.
    """
    failed = _failed(seen, question)
    fewest = min(failed, default=None)
    held = most_held(seen, question)
    wanted = max(candidate.clients, held)
    if wanted < min(question.clients, WORTH_MORE * held):
        wanted = held
    if fewest is None:
        return wanted or 1
    lower = LOWER_SHARE ** (2 ** (len(failed) - 1))
    fewer = min(wanted or fewest // 2, int(lower * fewest))
    return max(fewer, held) if held < fewest else fewer


def most_held(seen: Sequence[Trial], question: Question) -> int:
    """The most clients with which the goal was kept in all runs together; 0: with none."""
    allowed = question.goal.violations
    held = [many for many, one in _judged(seen).items() if one.violations <= allowed]
    return max(held, default=0)


def _failed(seen: Sequence[Trial], question: Question) -> list[int]:
    """With how many clients it is decided that the goal is missed."""
    return [many for many, one in _judged(seen).items() if is_kept(one, question) is False]


def _judged(seen: Sequence[Trial]) -> dict[int, Verdict]:
    """All runs with as many clients together."""
    counts = {trial.clients for trial in seen if trial.clients}
    return {n: verdict([trial for trial in seen if trial.clients == n]) for n in counts}


def is_kept(judged: Verdict, question: Question) -> bool | None:
    """Whether so many clients keep the goal; None where that is not decided yet.

    The interval decides, or as many requests as ever decide: where none is late a few hundred do.
    """
    allowed = question.goal.violations
    if judged.requests >= ENOUGH_REQUESTS:
        return judged.violations <= allowed
    return judged.keeps(allowed)


def is_proven(seen: Sequence[Trial], clients: int, question: Question) -> bool:
    """Whether it is decided that so many keep it."""
    own = verdict([trial for trial in seen if trial.clients == clients])
    return is_kept(own, question) is True
