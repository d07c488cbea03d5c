"""Triton's counters of one pod as values, and what happened between two looks at them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTime:
    """``executions`` of ``batch`` rows took ``nanoseconds`` together: input, inference, output."""

    batch: int
    executions: int
    nanoseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStatistics:
    """What one pod's Triton has counted of its model since it was loaded.

    ``config_key``: of the configuration that it serves, empty where that carries none.
    ``successes``, ``failures``: requests; ``request_nanoseconds``: of those that succeeded, from
    arrival to answer. ``rows``: that were computed. ``cached``: requests among the successes whose
    rows were not. ``p99_milliseconds``: of the last minute; None for not known.
    """

    pod: str
    config_key: str
    successes: int
    failures: int
    request_nanoseconds: int
    rows: int
    cached: int = 0
    batches: tuple[BatchTime, ...] = ()
    p99_milliseconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """A pod did not tell, or not in time; ``message`` says why. A value, not an error."""

    pod: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A pod's Triton has answered that it does not do what it was asked; likewise a value."""

    pod: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How a pod has answered over some time. None: no request, or not known."""

    successes: int
    failures: int
    mean_milliseconds: float | None
    p99_milliseconds: float | None

    @property
    def requests(self) -> int:
        """All of them."""
        return self.successes + self.failures

    @property
    def failed_share(self) -> float:
        """Failures among the requests, 0 where there was none."""
        return self.failures / self.requests if self.requests else 0.0


_COUNTERS = ("successes", "failures", "request_nanoseconds", "rows", "cached")


def since(before: PodStatistics, after: PodStatistics) -> PodStatistics:
    """What was counted between two looks at a pod.

    Counters begin again with a restart, or with a load that changes more than instances: one that
    went back means that all of them did, and what ``after`` says is all that is known.
    """
    if any(getattr(after, name) < getattr(before, name) for name in _COUNTERS):
        return after
    known = {item.batch: item for item in before.batches}
    batches = [_batch_since(known.get(item.batch), item) for item in after.batches]
    if any(item.executions < 0 or item.nanoseconds < 0 for item in batches):
        return after
    return dataclasses.replace(
        after,
        batches=tuple(item for item in batches if item.executions > 0),
        **{name: getattr(after, name) - getattr(before, name) for name in _COUNTERS},
    )


def together(earlier: PodStatistics | None, later: PodStatistics) -> PodStatistics:
    """What was counted in two times, one after the other, but for the batches."""
    if earlier is None:
        return later
    return dataclasses.replace(
        later,
        batches=(),
        **{name: getattr(earlier, name) + getattr(later, name) for name in _COUNTERS},
    )


def _batch_since(before: BatchTime | None, after: BatchTime) -> BatchTime:
    if before is None:
        return after
    return BatchTime(
        batch=after.batch,
        executions=after.executions - before.executions,
        nanoseconds=after.nanoseconds - before.nanoseconds,
    )


def figures(counted: PodStatistics) -> Figures:
    """What clients got, from what was counted over some time."""
    mean = counted.request_nanoseconds / counted.successes / 1e6 if counted.successes else None
    return Figures(
        successes=counted.successes,
        failures=counted.failures,
        mean_milliseconds=mean,
        p99_milliseconds=_usable(counted.p99_milliseconds),
    )


def _usable(value: float | None) -> float | None:
    """A time that can be compared with: finite, more than 0 (a summary of nothing is NaN)."""
    return value if value is not None and math.isfinite(value) and value > 0 else None
