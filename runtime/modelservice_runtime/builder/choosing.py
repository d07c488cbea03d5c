"""Which candidates are served: a pure choice over what passed the gates.

The rule. Of the candidates that keep the goals and reach the wanted speed-up, only those count
that no other one beats in metric, speed and size at once (the Pareto front). The fastest of them
is chosen, speed being the geometric mean over the measured batch sizes; among those within 1 %
of it, the one with the better metric, then the smaller one. Up to two more of the front go along
if they are at least two thirds as fast: inside Triton, with several instances, the order can
turn, and the tuning decides there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Speeds nearer than this are the same.
SAME_SPEED = 0.01
FINALISTS = 3
#: Slower ones will not win in Triton either.
HOPE = 2 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One candidate within the goals.

    ``speedup``: geometric mean over the batch sizes; ``drop``: of the metric against the source
    model's, 0 for one that is exact; ``size_bytes``: of its files.
    """

    name: str
    speedup: float
    drop: float
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``names``: the chosen one first, then those that go along. ``why``: of the first."""

    names: tuple[str, ...]
    front: tuple[str, ...]
    why: str


def front(options: Sequence[Option]) -> tuple[Option, ...]:
    """The options that no other one beats in everything, fastest first."""
    kept = [option for option in options if not any(_beats(other, option) for other in options)]
    return tuple(sorted(kept, key=lambda option: (-option.speedup, option.name)))


def choose(options: Sequence[Option]) -> Choice:
    """The choice by the rule in the module's docstring. ``options``: at least one."""
    best = front(options)
    fastest = best[0].speedup
    alike = [option for option in best if option.speedup >= fastest * (1 - SAME_SPEED)]
    chosen = min(alike, key=lambda option: (option.drop, option.size_bytes, option.name))
    others = [
        option
        for option in best
        if option is not chosen and option.speedup >= HOPE * chosen.speedup
    ]
    names = (chosen.name, *(option.name for option in others[: FINALISTS - 1]))
    return Choice(
        names=names, front=tuple(option.name for option in best), why=_why(chosen, options, alike)
    )


def beaten_by(option: Option, options: Sequence[Option]) -> str:
    """Who is better than ``option`` in everything, or faster; for its reason in words."""
    better = [other for other in options if _beats(other, option)]
    faster = [other for other in options if other.speedup > option.speedup]
    found = better or faster
    return max(found, key=lambda other: other.speedup).name if found else ""


def _beats(one: Option, other: Option) -> bool:
    """At least as good in everything, and better in something that is more than noise."""
    if one.name == other.name:
        return False
    as_good = (
        one.speedup >= other.speedup
        and one.drop <= other.drop
        and one.size_bytes <= other.size_bytes
    )
    better = (
        one.speedup > other.speedup or one.drop < other.drop or one.size_bytes < other.size_bytes
    )
    return as_good and better


def _why(chosen: Option, options: Sequence[Option], alike: Sequence[Option]) -> str:
    many = f"of {len(options)} candidates within the goals"
    words = f"{chosen.name}: {chosen.speedup:.2f} times as fast as the source model, "
    if len(options) == 1:
        return words + "the only candidate within the goals"
    if len(alike) > 1:
        names = ", ".join(option.name for option in alike if option is not chosen)
        return words + f"as fast as {names} and the least loss {many}"
    return words + f"the fastest {many}"
