"""One setting under one traffic: what clients would see. The compiled loops behind plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from . import kernels
from .arrivals import Requests
from .overlooking import OVERLOOKS
from .service_time import ServiceTime

#: Random numbers from 0 to 1, used in turn.
_LUCK = np.random.default_rng(11).random(4099)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """What is searched beside threads. ``delay``, ``timeout``: seconds; infinity: no time-out.

    ``overlooks``: how often a batcher sleeps on though an instance got free for a request that
    waits. Triton's can, where a limit is set on waiting (``OVERLOOKS``).
    """

    instances: int
    max_batch: int
    delay: float = 0.0
    timeout: float = math.inf
    overlooks: float = 0.0

    def limited(self, timeout: float) -> Batching:
        """The same with a limit on waiting, and what Triton does where there is one."""
        overlooks = OVERLOOKS if math.isfinite(timeout) else 0.0
        return replace(self, timeout=timeout, overlooks=overlooks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``latency``: seconds as the client sees it, infinity where it was rejected.

    ``rows_per_second``: answered rows; ``executions``: by batch size; ``of_lengths``: the same by
    length and batch size, where there are several lengths; ``busy_seconds``: of all
    instances; ``busy``: share of the time that they executed.
    """

    latency: np.ndarray
    rows_per_second: float
    executions: np.ndarray
    busy_seconds: float
    busy: float
    of_lengths: np.ndarray | None = None

    @property
    def by_kind(self) -> np.ndarray:
        """Executions by length and batch size, or by batch size where there is one length."""
        return self.executions if self.of_lengths is None else self.of_lengths

    @property
    def mean_batch(self) -> float:
        """Rows of an execution."""
        total = int(self.executions.sum())
        sizes = np.arange(len(self.executions))
        return float((sizes * self.executions).sum() / total) if total else 0.0

    def quantile(self, percentile: float) -> float:
        """Latency at ``percentile`` in seconds, as a request that was that slow had it."""
        if len(self.latency) == 0:
            return math.nan
        place = min(len(self.latency) - 1, math.ceil(percentile / 100 * len(self.latency)) - 1)
        return float(np.partition(self.latency, place)[place])

    def violations(self, goal: float) -> float:
        """Share of the requests that were not answered within ``goal`` seconds."""
        return float(np.mean(self.latency > goal))


def open_loop(service: ServiceTime, batching: Batching, requests: Requests) -> Outcome:
    """Requests that come whatever the answers do. Those larger than the batch are no question."""
    count = len(requests.arrival)
    order, counts = _by_level(requests.level)
    latency = np.zeros(count)
    places, table, executions = _kinds(service, batching.max_batch, requests.length)
    busy = kernels.open_loop(
        requests.arrival,
        requests.rows,
        places,
        service.by_length is not None and service.by_length.padded,
        order,
        counts,
        table,
        np.array(service.spread),
        service.draws(),
        service.slower(batching.instances),
        batching.instances,
        service.gap,
        batching.delay,
        batching.timeout,
        batching.overlooks,
        _LUCK,
        latency,
        executions,
    )
    answered = np.isfinite(latency)
    ends = requests.arrival[answered] + latency[answered]
    span = max(float(ends.max(initial=0.0)), float(requests.arrival[-1])) - requests.arrival[0]
    rows = float(requests.rows[answered].sum())
    return Outcome(
        latency=latency + service.overhead,
        rows_per_second=rows / max(span, 1e-9),
        executions=executions.sum(axis=0),
        of_lengths=None if places is None else executions,
        busy_seconds=busy,
        busy=busy / max(span * batching.instances, 1e-9),
    )


def closed_loop(
    service: ServiceTime,
    batching: Batching,
    clients: int,
    rows: np.ndarray,
    count: int,
    *,
    lengths: np.ndarray | None = None,
) -> Outcome:
    """``clients`` that each wait for their answer, until ``count`` answers are there.

    ``rows``, ``lengths``: of their requests, in turn.
    """
    latency = np.zeros(count)
    places, table, executions = _kinds(service, batching.max_batch, lengths)
    span, busy = kernels.closed_loop(
        clients,
        service.overhead,
        rows,
        places,
        service.by_length is not None and service.by_length.padded,
        table,
        np.array(service.spread),
        service.draws(),
        service.slower(batching.instances),
        batching.instances,
        service.gap,
        batching.delay,
        latency,
        executions,
    )
    sizes: np.ndarray = executions.sum(axis=0)
    answered = float((np.arange(batching.max_batch + 1) * sizes).sum())
    return Outcome(
        latency=latency + service.overhead,
        rows_per_second=answered / max(span, 1e-9),
        executions=sizes,
        of_lengths=None if places is None else executions,
        busy_seconds=busy,
        busy=busy / max(span * batching.instances, 1e-9),
    )


def _kinds(
    service: ServiceTime, largest: int, lengths: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """For the loops: each request's place among the lengths, the table of times, room to count."""
    table = service.table(largest)
    if service.by_length is not None and lengths is not None:
        tables = service.by_length.tables(table)
        return service.by_length.places(lengths), tables, np.zeros(tables.shape, np.int64)
    return None, table[None, :], np.zeros((1, largest + 1), np.int64)


def _by_level(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels = int(level.max(initial=0)) + 1
    counts = np.bincount(level, minlength=levels)
    order: np.ndarray = np.zeros((levels, max(1, int(counts.max()))), np.int64)
    for number in range(levels):
        order[number, : counts[number]] = np.flatnonzero(level == number)
    return order, counts
