"""What was seen of one candidate on the gate's samples, whatever the metric: one interface."""

from __future__ import annotations

from typing import Protocol

from .agreement import Agreement
from .correctness import Correctness
from .scores import Scores
from .tallies import Tallies

__all__ = ["Agreement", "Correctness", "Evidence", "Scores", "Tallies"]


class Evidence(Protocol):
    """Values are in the metric's own unit; a *drop* is positive where the candidate is worse."""

    @property
    def samples(self) -> int:
        """Paired samples (sentences for F1, queries for neighbours)."""
        ...

    @property
    def fewest(self) -> int:
        """Fewer samples than this prove nothing, whatever they show."""
        ...

    @property
    def more_is_better(self) -> bool:
        """False for errors."""
        ...

    @property
    def source_value(self) -> float:
        """The source model's metric."""
        ...

    @property
    def candidate_value(self) -> float:
        """The candidate's metric."""
        ...

    @property
    def unusable(self) -> tuple[int, int]:
        """Samples for which the metric is NaN or infinite: the source model's, the candidate's."""
        ...

    def p_of_drop(self, margin: float) -> float:
        """How likely so small a drop would be if the true one were ``margin``."""
        ...

    def p_of_value(self, threshold: float) -> float:
        """How likely so good a value would be if the true one were ``threshold``."""
        ...

    def drop_bounds(self, confidence: float) -> tuple[float, float]:
        """Lower and upper bound of the true drop, each one-sided."""
        ...

    def least(self, margin: float, confidence: float) -> int:
        """Samples below which nothing can pass; ``margin`` > 0."""
        ...

    def enough(self, margin: float, confidence: float) -> int:
        """Samples with which a candidate that loses half of ``margin`` (> 0) passes, mostly."""
        ...
