"""With how many clients of a closed loop the goal is kept, as runs and the model tell. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .question import Question
from .search import Candidate
from .trials import ENOUGH_REQUESTS, LOWER_SHARE, Trial, Verdict, verdict

#: Where the goal is missed with all of them, fewer than so many times as many as kept it are not
#: worth a run of their own: it is proven with those that did.
WORTH_MORE = 1.1


def next_clients(candidate: Candidate, seen: Sequence[Trial], question: Question) -> int:
    """What the model says, or the most that kept the goal in runs; but fewer than surely miss it.

    The more often runs said no, the fewer of them. 0: not even one client keeps it.
    """
    judged = _judged(seen)
    failed = [many for many, one in judged.items() if is_kept(one, question) is False]
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
