"""One example's task as the gate sees it: its metric, its goal, and samples of its population.

Runs in the builder's environment.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.builder import onnx_model
from modelservice_runtime.builder.evaluation.given import Data
from modelservice_runtime.builder.evaluation.metrics import Metric, metric_for
from modelservice_runtime.builder.gate import goals as aims
from modelservice_runtime.builder.gate import judging
from modelservice_runtime.builder.gate.evidence import Evidence
from modelservice_runtime.contract.requests import (
    MAX_DEGRADATION,
    NEIGHBOUR_AGREEMENT,
    EvaluationRequest,
    Goal,
)

from .sources import Source

#: Rows by which the gate says what the goal takes, before any candidate was seen.
_FIRST_LOOK = 1000
#: Queries that the truth of a neighbour agreement is measured with, at least.
_QUERIES = 40_000
_CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """``expected``: the source model's answers to the whole population."""

    metric: Metric
    goal: Goal
    confidence: float
    labels: np.ndarray | None
    expected: np.ndarray

    @property
    def pooled(self) -> bool:
        """Each row is compared with all others of its sample, so the sample's size counts."""
        return self.metric.name == NEIGHBOUR_AGREEMENT

    def with_goal(self, value: float) -> Task:
        """The same with another limit of what may be lost."""
        return dataclasses.replace(self, goal=dataclasses.replace(self.goal, value=value))

    def draw(self, size: int, random: np.random.Generator) -> np.ndarray:
        """The numbers of ``size`` rows.

        With replacement: so samples are as independent as those of an endless population. Where
        rows are compared with each other, a row and its copy would be neighbours: without.

        Raises:
            ValueError: more rows than there are, without replacement.
        """
        rows = len(self.expected)
        found: np.ndarray = random.choice(rows, size, replace=not self.pooled)
        return found

    def evidence(self, rows: np.ndarray, candidate: np.ndarray) -> Evidence:
        """What ``candidate``, its answers to the whole population, shows on the sample ``rows``."""
        name = self.metric.output
        return self.metric.evidence(
            self._data(rows), {name: self.expected[rows]}, {name: candidate[rows]}
        )

    def judge(self, evidence: Evidence) -> judging.Verdict:
        """The gate's verdict on a candidate that is alone there."""
        found = judging.judge(
            {_CANDIDATE: evidence}, (self.goal,), self.confidence, self.metric.name
        )
        return found[_CANDIDATE]

    def size_for_goal(self, random: np.random.Generator) -> int:
        """Samples that the goal takes, as the gate says it of a candidate that lost nothing."""
        rows = self.draw(min(_FIRST_LOOK, len(self.expected)), random)
        same = self.evidence(rows, self.expected)
        return min(same.enough(self.goal.value, self.confidence), self.most)

    @property
    def most(self) -> int:
        """The largest sample that can be drawn."""
        return len(self.expected) if self.pooled else np.iinfo(np.int32).max

    def drop(self, candidate: np.ndarray, size: int, random: np.random.Generator) -> float:
        """What ``candidate`` really loses, on samples of ``size`` if that matters."""
        answers = _countable(candidate)
        if not self.pooled:
            return aims.drop(self.evidence(np.arange(len(answers)), answers))
        drops: list[float] = []
        while len(drops) * size < _QUERIES:
            rows = random.permutation(len(answers))
            pools = [rows[n : n + size] for n in range(0, len(rows) - size + 1, size)]
            drops += [aims.drop(self.evidence(pool, answers)) for pool in pools]
        return float(np.mean(drops))

    def estimate(self, rows: np.ndarray, candidate: np.ndarray) -> float:
        """The drop on a sample, as one reads it without a gate: an answer of NaN is a wrong one."""
        return aims.drop(self.evidence(rows, _countable(candidate)))

    def _data(self, rows: np.ndarray) -> Data:
        return Data(
            inputs={},
            labels=None if self.labels is None else self.labels[rows],
            given="",
            keys=tuple(row.tobytes() for row in rows.astype(np.int64)),
        )


def task(source: Source, labels: np.ndarray | None, expected: np.ndarray) -> Task:
    """The task of an example whose manifest has one goal, a limit of what may be lost.

    Raises:
        ValueError: the manifest has another goal.
    """
    (goal,) = source.request.goals
    if goal.kind != MAX_DEGRADATION:
        raise ValueError(f"{source.example}: {goal.kind} is no limit of a loss")
    return Task(
        metric=_metric(source.request, source, labels),
        goal=goal,
        confidence=source.request.confidence,
        labels=labels,
        expected=expected,
    )


def _metric(request: EvaluationRequest, source: Source, labels: np.ndarray | None) -> Metric:
    interface = onnx_model.check(source.path)
    rows = 0 if labels is None else len(labels)
    keys = tuple(np.arange(rows).astype("S"))
    return metric_for(request, Data(inputs={}, labels=labels, given="", keys=keys), interface)


def _countable(answers: np.ndarray) -> np.ndarray:
    """NaN and infinity as zeros: what cannot be scored is not right."""
    if answers.dtype.kind != "f" or np.isfinite(answers).all():
        return answers
    found: np.ndarray = np.nan_to_num(answers, nan=0.0, posinf=0.0, neginf=0.0)
    return found
