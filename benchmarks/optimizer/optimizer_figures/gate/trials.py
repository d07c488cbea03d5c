"""The same candidate judged again and again, on other samples each time.

Runs in the builder's environment.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.builder.gate.judging import CANNOT_TELL, FAILS, PASSES, Verdict

from . import peers
from .findings import Finding, Refusals
from .kinds import SEVERE, Kind
from .task import Task

#: Samples with which no goal of the examples can be proven, and many have no more.
FEW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Of one sample: its size, the gate's verdict, and who else refuses."""

    size: int
    outcome: str
    estimate: bool
    tolerance: bool
    aitune: bool


def finding(task: Task, kind: Kind, strength: str, candidate: np.ndarray, seeds: int) -> Finding:
    """Everything about one fault: ``candidate`` are its answers to the whole population."""
    size = task.size_for_goal(_random(kind, strength, -1))
    drop = task.drop(candidate, size, _random(kind, strength, -2))
    randoms = [_random(kind, strength, seed) for seed in range(seeds)]
    few = limit = None
    if strength == SEVERE:
        judged = [trial(task, candidate, size, random) for random in randoms]
        few = refusals([trial(task, candidate, FEW, random) for random in randoms])
        if np.isfinite(candidate).all():
            strict, fewer = at_limit(task, candidate, drop, _random(kind, strength, -3))
            limit = refusals([trial(strict, candidate, fewer, random) for random in randoms])
    else:
        judged = [asked(task, candidate, size, random) for random in randoms]
    return Finding(
        kind=kind.name,
        strength=strength,
        example=kind.example,
        metric=task.metric.name,
        goal=task.goal.value,
        drop=drop,
        rows=len(candidate),
        judged=refusals(judged),
        few=few,
        limit=limit,
    )


def trial(task: Task, candidate: np.ndarray, size: int, random: np.random.Generator) -> Trial:
    """One sample of ``size``."""
    found, _ = _judged(task, candidate, size, random)
    return found


def asked(task: Task, candidate: np.ndarray, size: int, random: np.random.Generator) -> Trial:
    """One sample of ``size``; where the gate cannot tell, another one as large as it asks for."""
    found, verdict = _judged(task, candidate, size, random)
    if verdict.outcome != CANNOT_TELL:
        return found
    return trial(task, candidate, min(verdict.needed, task.most), random)


def at_limit(
    task: Task, candidate: np.ndarray, drop: float, random: np.random.Generator
) -> tuple[Task, int]:
    """The same task with a goal of exactly what is lost, and the samples that this goal takes."""
    size = task.with_goal(drop).size_for_goal(random)
    lost = task.drop(candidate, size, random) if task.pooled else drop
    return task.with_goal(lost), size


def refusals(trials: Sequence[Trial]) -> Refusals:
    """Counts of all trials."""
    return Refusals(
        sizes=tuple(each.size for each in trials),
        gate=_count(each.outcome != PASSES for each in trials),
        failed=_count(each.outcome == FAILS for each in trials),
        estimate=_count(each.estimate for each in trials),
        tolerance=_count(each.tolerance for each in trials),
        aitune=_count(each.aitune for each in trials),
    )


def _judged(
    task: Task, candidate: np.ndarray, size: int, random: np.random.Generator
) -> tuple[Trial, Verdict]:
    rows = task.draw(size, random)
    verdict = task.judge(task.evidence(rows, candidate))
    before, after = task.expected[rows], candidate[rows]
    found = Trial(
        size=size,
        outcome=verdict.outcome,
        estimate=peers.estimate_refuses(task.estimate(rows, candidate), task.goal.value),
        tolerance=peers.tolerance_refuses(before, after),
        aitune=peers.aitune_refuses(before, after),
    )
    return found, verdict


def _random(kind: Kind, strength: str, seed: int) -> np.random.Generator:
    """Samples of their own for every kind, strength and seed, in every run the same."""
    words = zlib.crc32(f"{kind.name} {strength}".encode())
    return np.random.default_rng([words, seed + 3])


def _count(answers: Iterable[bool]) -> int:
    return sum(answers)
