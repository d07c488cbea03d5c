"""What is known of a service's load. "No data" is a value of its own, never a zero."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSample:
    """One replica, per second over the window.

    ``succeeded``, ``failed``: requests; ``pending_growth``: requests that joined the queue more
    than left it (may be negative); ``rows``: rows of the requests that succeeded;
    ``age_seconds``: of the newest sample. None: the figure is not there.
    """

    pod: str
    succeeded: float | None
    failed: float | None
    pending_growth: float | None
    rows: float | None
    age_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Offered load. ``complete``: every ready replica was heard of; else it is a lower bound."""

    rows_per_second: float
    age_seconds: float
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """The load is not known. ``reason`` is CamelCase, ``message`` words.

    ``young``: as it is with every replica that has just started; a trouble only if it stays so.
    """

    reason: str
    message: str
    young: bool = False


LoadReading: TypeAlias = Load | NoData


def read_load(
    samples: Iterable[PodSample], *, ready_replicas: int, stale_seconds: float
) -> LoadReading:
    """Offered rows per second = (succeeded + failed + growth of pending) x rows per request.

    Pods whose newest sample is older than ``stale_seconds`` count as not heard of; figures that
    are NaN, infinite or negative count as not there.
    """
    known = list(samples)
    if not known:
        message = "Prometheus has no series of this service"
        return NoData(reason="NoSeries", message=message, young=True)
    ages = [age for sample in known if (age := _figure(sample.age_seconds)) is not None]
    fresh = [sample for sample in known if _is_fresh(sample, stale_seconds)]
    if not fresh:
        oldest = f"{min(ages):.0f} s old" if ages else "of unknown age"
        message = f"the newest sample is {oldest}, more than {stale_seconds:.0f} s"
        return NoData(reason="MetricsStale", message=message)
    offered = [rows for sample in fresh if (rows := _offered(sample)) is not None]
    if not offered:
        message = "there are not two samples to make a rate of yet"
        return NoData(reason="NoRate", message=message, young=True)
    return Load(
        rows_per_second=sum(offered),
        age_seconds=max(sample.age_seconds or 0.0 for sample in fresh),
        complete=len(offered) >= ready_replicas,
    )


def _is_fresh(sample: PodSample, stale_seconds: float) -> bool:
    age = _figure(sample.age_seconds)
    return age is not None and age <= stale_seconds


def _offered(sample: PodSample) -> float | None:
    succeeded = _figure(sample.succeeded)
    if succeeded is None:
        return None
    rows = _figure(sample.rows)
    per_request = rows / succeeded if rows and succeeded > 0 else 1.0
    failed = _figure(sample.failed) or 0.0
    growth = sample.pending_growth
    growing = growth if growth is not None and math.isfinite(growth) and growth > 0 else 0.0
    return (succeeded + failed + growing) * per_request


def _figure(value: float | None) -> float | None:
    """The number if it can be one: finite, not negative."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None
