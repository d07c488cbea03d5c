"""What is known of a service's load. "No data" is a value of its own, never a zero. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .forecast import LONG, SHORT, Rates
from .offered import Counted, ReplicaCounters, counted, sound

#: So much of the past says all that is asked: two minutes, and the scrapes around them.
WINDOW_SECONDS = 150
#: Where the counters came from.
PROMETHEUS, SCRAPE = "Prometheus", "the replicas themselves"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """The load is not known. ``reason`` is CamelCase, ``message`` words.

    ``young``: as it is with every replica that has just started; a trouble only if it stays so.
    """

    reason: str
    message: str
    young: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Offered load of all replicas together.

    ``rates``: rows a second. ``pending``: requests that wait. ``requests``, ``violations``: of the
    last minute; of those that missed the goal only the refused ones are counted by Triton.
    ``complete``: every ready replica was heard of; else it is a lower bound. ``source``: who told;
    ``instead_of``: why not Prometheus, None where it did. ``queues``: ``pending`` by replica.
    """

    rates: Rates
    pending: float
    requests: float
    violations: float
    age_seconds: float
    complete: bool
    source: str = PROMETHEUS
    instead_of: NoData | None = None
    queues: Mapping[str, float] = field(default_factory=dict)

    @property
    def firm(self) -> bool:
        """Whether replicas may be taken away on it."""
        return self.complete and self.instead_of is None

    @property
    def rows_per_second(self) -> float:
        """Now: the mean of the last quarter of a minute."""
        return self.rates.short


LoadReading: TypeAlias = Load | NoData


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What one replica tells."""

    short: Counted
    long: Counted
    before: Counted
    pending: float
    age: float


def read_load(
    replicas: Iterable[ReplicaCounters],
    *,
    ready: Collection[str],
    now: float,
    stale_seconds: float,
    source: str = PROMETHEUS,
) -> LoadReading:
    """The load of the replicas named in ``ready``; others are gone, or do not answer yet.

    ``now``: POSIX seconds. A replica whose newest sample is older than ``stale_seconds``, or from
    the future by more, counts as not heard of.
    """
    known = {
        item.pod: ReplicaCounters(pod=item.pod, samples=sound(item.samples), since=item.since)
        for item in replicas
        if item.pod in ready
    }
    if not known:
        message = f"{source} has no counters of this service"
        return NoData(reason="NoSeries", message=message, young=True)
    ages = {pod: _age(item, now) for pod, item in known.items()}
    fresh = [pod for pod, age in ages.items() if abs(age) <= stale_seconds]
    if not fresh:
        youngest = min(ages.values(), key=abs)
        words = f"{youngest:.0f} s old" if math.isfinite(youngest) else "of unknown age"
        message = f"the newest sample is {words}, more than {stale_seconds:.0f} s"
        return NoData(reason="MetricsStale", message=message)
    by_pod = {pod: found for pod in fresh if (found := _heard(known[pod], ages[pod])) is not None}
    heard = list(by_pod.values())
    if not heard:
        message = "there are not two samples to make a rate of yet"
        return NoData(reason="NoRate", message=message, young=True)
    return Load(
        rates=Rates(
            short=math.fsum(item.short.rows_per_second for item in heard),
            long=math.fsum(item.long.rows_per_second for item in heard),
            before=math.fsum(item.before.rows_per_second for item in heard),
        ),
        pending=math.fsum(item.pending for item in heard),
        requests=math.fsum(item.long.successes + item.long.failures for item in heard),
        violations=math.fsum(item.long.rejected for item in heard),
        age_seconds=max(item.age for item in heard),
        complete=len(heard) >= len(ready),
        source=source,
        queues={pod: item.pending for pod, item in by_pod.items()},
    )


def _age(replica: ReplicaCounters, now: float) -> float:
    return now - replica.samples[-1].at if replica.samples else math.inf


def _heard(replica: ReplicaCounters, age: float) -> _Heard | None:
    """``replica.samples`` are ``sound``."""
    samples = replica.samples
    end = samples[-1].at
    short = counted(replica, seconds=SHORT, end=end)
    long = counted(replica, seconds=LONG, end=end)
    if short is None or long is None:
        return None
    before = counted(replica, seconds=LONG, end=end - LONG)
    if before is None:
        # A replica that came since had none; of another one it is not known, so no trend.
        came = replica.since is not None and replica.since > end - LONG
        before = Counted(seconds=LONG) if came else long
    return _Heard(short=short, long=long, before=before, pending=samples[-1].pending, age=age)
