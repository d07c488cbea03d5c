"""What a tuning is asked: a goal under a traffic, within limits. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.contract.traffic import CLOSED_LOOP, Traffic

from .settings import Limits
from .simulation.arrivals import Source, Trace
from .simulation.capacity import Goal, allowed_violations


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``trace``: of the traffic, where it has one. ``memory_bytes``: limit, 0 for none.

    ``or_fewer``: of the clients of a closed loop as many as get most within the goal are wanted,
    and no more.
    """

    objective: LatencyObjective
    traffic: Traffic
    limits: Limits
    memory_bytes: int = 0
    trace: Trace | None = None
    or_fewer: bool = False

    @property
    def goal(self) -> Goal:
        """For simulations."""
        return Goal(
            seconds=self.objective.milliseconds / 1000,
            violations=allowed_violations(self.objective.percentile),
        )

    @property
    def source(self) -> Source:
        """Makes the traffic's requests."""
        traffic = self.traffic
        return Source(
            rows_per_request=traffic.rows_per_request, trace=self.trace, lengths=traffic.lengths
        )

    @property
    def clients(self) -> int:
        """Of a closed loop; 0 where requests come at their own times."""
        return self.traffic.concurrency if self.traffic.arrivals == CLOSED_LOOP else 0

    def has_all(self, clients: int) -> bool:
        """Whether so many clients that keep the goal are all that are wanted."""
        return self.or_fewer or clients >= self.clients

    @property
    def least_batch(self) -> int:
        """Rows of the largest request: a smaller batch would refuse it."""
        return max(share.rows for share in self.traffic.rows_per_request)

    @property
    def curve_length(self) -> int:
        """What curves are measured with: a lone request at the goal's percentile is so long.

        0 where nothing is said of lengths.
        """
        return self.traffic.length_at(self.objective.percentile)

    def goal_words(self) -> str:
        """``p99 ≤ 50 ms``."""
        return f"p{self.objective.percentile:g} ≤ {self.objective.milliseconds:g} ms"

    def replicas(self, rows_per_second: float) -> float:
        """How many replicas of such a capacity the expected rate takes; 1 where none is said."""
        wanted = self.traffic.rows_per_second
        if not wanted or rows_per_second <= 0:
            return 1.0
        return max(1.0, math.ceil(wanted / rows_per_second - 1e-9))
