"""What a metric is: from the outputs of the source model and a candidate to evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from modelservice_runtime.builder.errors import MODEL_INVALID, UserError
from modelservice_runtime.builder.gate.evidence import Evidence
from modelservice_runtime.builder.tensors import Arrays

from .broken import Broken, NotScoredError, misfit, rows_not_finite
from .given import Data
from .invalid import invalid

#: All of a candidate's outputs for a part → what they show.
Scorer: TypeAlias = Callable[[Arrays], Evidence]
#: A part and the source model's outputs for it → how candidates are scored on it.
Rule: TypeAlias = Callable[[Data, Arrays], Scorer]


class ArrayRule(Protocol):
    """A rule for the array of one output, named ``output`` in messages."""

    def __call__(
        self, part: Data, source: np.ndarray, *, output: str
    ) -> Callable[[np.ndarray], Evidence]:
        """Raises UserError where the labels do not fit the source model's output."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``output``: what is scored, empty for all. ``worst``: the value of what cannot be scored.

    ``labelled``: the labels count; else the source model's answers are what is wanted.
    """

    name: str
    more_is_better: bool
    output: str
    worst: float
    labelled: bool
    rule: Rule

    def prepare(self, part: Data, source: Arrays) -> Scorer:
        """Check ``part`` and the source model's outputs for it; the way to score candidates.

        What depends on the source model alone is computed here, once. The scorer never raises
        for what a candidate's outputs are: what cannot be scored fails every goal.

        Raises:
            UserError: the labels do not fit these outputs, or they are not finite; the user's
                own metric fails on them.
        """
        self._check(part, source)
        score = self.rule(part, source)

        def scored(candidate: Arrays) -> Evidence:
            words, rows = misfit(source, candidate)
            try:
                if not words:
                    return score(candidate)
            except NotScoredError as error:
                words, rows = str(error), error.rows
            return Broken(
                samples=len(part),
                more_is_better=self.more_is_better,
                source_value=score(source).source_value,
                candidate_value=self.worst,
                words=words,
                rows=rows,
            )

        return scored

    def evidence(self, part: Data, source: Arrays, candidate: Arrays) -> Evidence:
        """``prepare`` for a single candidate; raises what that does."""
        return self.prepare(part, source)(candidate)

    def _check(self, part: Data, source: Arrays) -> None:
        if not len(part):
            raise invalid(f"spec.evaluation: there are no rows to compute {self.name} on")
        for name, array in source.items():
            bad = rows_not_finite(array)
            if bad:
                raise UserError(
                    MODEL_INVALID,
                    f"the source model's output {name!r} has NaN or Inf for {bad} of {len(array)}"
                    " rows of the evaluation data; nothing can be compared with that",
                )
            if len(array) != len(part):
                raise ValueError(f"{name}: outputs for {len(array)} rows, data of {len(part)}")


def of_output(output: str, rule: ArrayRule) -> Rule:
    """``rule`` for the array of one output."""

    def prepare(part: Data, source: Arrays) -> Scorer:
        score = rule(part, source[output], output=output)
        return lambda candidate: score(candidate[output])

    return prepare
