"""Offered load of a service from its replicas' counters. Pure.

Offered are the requests that succeeded, those that failed for any reason, and those that joined
the queue more than left it: what is completed stops growing at capacity, what is offered does not.
Counted per replica before any sum, since each has counters of its own that begin at 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: The last part of a window may be as much shorter: scrapes come with jitter.
_JITTER = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSample:
    """A replica's counters at one time (POSIX seconds), since it started.

    ``successes``, ``failures``: requests; ``rejected``: of the failures, those that had waited too
    long; ``rows``: of the successes. ``pending``: requests that wait now.
    """

    at: float
    successes: float
    failures: float
    rows: float
    pending: float = 0.0
    rejected: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Whether they can be what Triton counted."""
        values = (self.successes, self.failures, self.rows, self.pending, self.rejected)
        # A sum is finite only if every part is: this is asked of each sample, each round.
        return math.isfinite(self.at + sum(values)) and min(values) >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCounters:
    """``samples``: of the last minutes. ``since``: when the replica came, None for not known."""

    pod: str
    samples: tuple[CounterSample, ...]
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What happened over ``seconds``: requests, and the rows of those that succeeded.

    ``offered``: requests that came. ``seconds`` 0: nothing is known.
    """

    offered: float = 0.0
    successes: float = 0.0
    failures: float = 0.0
    rejected: float = 0.0
    rows: float = 0.0
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Offered rows, as if those not answered had as many as the others."""
        if self.seconds <= 0:
            return 0.0
        each = self.rows / self.successes if self.successes > 0 and self.rows > 0 else 1.0
        return max(0.0, self.offered) * each / self.seconds


def sound(samples: Iterable[CounterSample]) -> tuple[CounterSample, ...]:
    """Those that can be, in the order of their times, each time once."""
    known = {sample.at: sample for sample in samples if sample.is_sound}
    return tuple(known[at] for at in sorted(known))


def counted(replica: ReplicaCounters, *, seconds: float, end: float) -> Counted | None:
    """What one replica counted in the ``seconds`` before its last sample up to ``end``.

    ``replica.samples`` are ``sound``. None: nothing is known of that time. Of a replica that came
    within the window the counters began at 0 then. Of one that was first heard of in it only the
    time since is known, and taken for the whole.
    """
    inside = [sample for sample in replica.samples if sample.at <= end]
    if not inside:
        return None
    last = inside[-1]
    start = last.at - seconds
    before = [sample for sample in inside if sample.at <= start + _JITTER * seconds]
    if before and before[-1] is not last:
        used = inside[len(before) - 1 :]
        return _over(used, last.at - used[0].at)
    if replica.since is not None and start <= replica.since < last.at:
        return _over([_zero(replica.since), *inside], seconds)
    if len(inside) == 1:
        return None
    return _over(inside, last.at - inside[0].at)


def _over(samples: Sequence[CounterSample], seconds: float) -> Counted:
    """Between the first and the last; where a counter went back, all of them began anew."""
    runs = [_difference(samples[0], samples[-1])]
    resets = [i for i, (a, b) in enumerate(itertools.pairwise(samples), 1) if _began_anew(a, b)]
    if resets:
        bounds = [0, *resets, len(samples)]
        pieces = [samples[a:b] for a, b in itertools.pairwise(bounds)]
        runs = [_difference(pieces[0][0], pieces[0][-1])]
        runs += [_difference(_zero(piece[0].at), piece[-1]) for piece in pieces[1:]]
    return Counted(
        offered=math.fsum(run.offered for run in runs),
        successes=math.fsum(run.successes for run in runs),
        failures=math.fsum(run.failures for run in runs),
        rejected=math.fsum(run.rejected for run in runs),
        rows=math.fsum(run.rows for run in runs),
        seconds=seconds,
    )


def _began_anew(before: CounterSample, after: CounterSample) -> bool:
    return (
        after.successes < before.successes
        or after.failures < before.failures
        or after.rows < before.rows
        or after.rejected < before.rejected
    )


def _zero(at: float) -> CounterSample:
    return CounterSample(at=at, successes=0, failures=0, rows=0)


def _difference(before: CounterSample, after: CounterSample) -> Counted:
    successes, failures = after.successes - before.successes, after.failures - before.failures
    return Counted(
        offered=successes + failures + after.pending - before.pending,
        successes=successes,
        failures=failures,
        rejected=after.rejected - before.rejected,
        rows=after.rows - before.rows,
    )
