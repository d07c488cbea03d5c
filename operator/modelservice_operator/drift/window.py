"""What was counted over all pods since the last comparison with the profile. A value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.profile import ServicePoint

from .curve import service_milliseconds
from .statistics import BatchTime, PodStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``began_at``: POSIX seconds. ``batches``: one entry for each batch size.

    ``requests``, ``rows``: that were computed, not answered from a cache.
    """

    began_at: float
    batches: tuple[BatchTime, ...] = ()
    requests: int = 0
    rows: int = 0

    @property
    def executions(self) -> int:
        """Of the model, of any batch."""
        return sum(item.executions for item in self.batches)

    def add(self, counted: Iterable[PodStatistics]) -> Window:
        """With what pods have counted since they were last added."""
        executions: Counter[int] = Counter({b.batch: b.executions for b in self.batches})
        nanoseconds: Counter[int] = Counter({b.batch: b.nanoseconds for b in self.batches})
        requests, rows = self.requests, self.rows
        for pod in counted:
            requests += max(0, pod.successes - pod.cached)
            rows += pod.rows
            for item in pod.batches:
                executions[item.batch] += item.executions
                nanoseconds[item.batch] += item.nanoseconds
        batches = tuple(
            BatchTime(batch=b, executions=executions[b], nanoseconds=nanoseconds[b])
            for b in sorted(executions)
        )
        return Window(began_at=self.began_at, batches=batches, requests=requests, rows=rows)

    @property
    def rows_per_request(self) -> float | None:
        """On average; None without a request."""
        return self.rows / self.requests if self.requests > 0 and self.rows > 0 else None

    def speed(self, points: Sequence[ServicePoint]) -> float | None:
        """Time that the profile gives to these executions ÷ time that they took.

        By batch size, each with its own count: at the mean batch a curve would be misread. None
        where nothing can be compared.
        """
        expected = taken = 0.0
        for item in self.batches:
            milliseconds = service_milliseconds(points, item.batch)
            if milliseconds is not None and item.nanoseconds > 0:
                expected += item.executions * milliseconds
                taken += item.nanoseconds / 1e6
        return expected / taken if taken > 0 and expected > 0 else None
