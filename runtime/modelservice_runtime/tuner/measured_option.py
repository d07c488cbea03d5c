"""One option of variant, instances and threads, measured: its curve and the model made of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from . import curve
from .bench import Sample
from .curve import CurvePoint
from .search import batching_of
from .sending import as_sent
from .settings import Option
from .simulation.arrivals import Requests
from .simulation.outcomes import Batching, open_loop
from .simulation.service_time import ServiceTime, spread_of
from .statistics import Counters, total

#: Of a run at a rate that climbs, the last share: there the most is to be done.
LAST_SHARE = 1 / 3
#: A row takes the server no longer than so many of its executions, beside these.
MOST_GAP = 5.0
_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """A run at a rate. ``late_ms``: median latency of its last part."""

    batching: Batching
    requests: Requests
    late_ms: float


@dataclass(slots=True, kw_only=True)
class MeasuredOption:
    """What was seen of it.

    ``windows``: of all runs; ``busy``: of those under full load; ``climbs``: runs at a rate in
    which every latency is known. ``spread`` and ``overhead_ms``: of lone requests. ``waiting``: it
    is to serve clients that wait for their answers, as those of a run under full load do.
    """

    option: Option
    waiting: bool = False
    windows: list[Counters] = field(default_factory=list)
    busy: list[Counters] = field(default_factory=list)
    climbs: list[Climb] = field(default_factory=list)
    spread: tuple[float, ...] = (1.0,)
    overhead_ms: float = 0.0
    _made: dict[tuple[int, ServiceTime | None], ServiceTime | None] = field(default_factory=dict)

    def add(self, sample: Sample, *, full: bool = False) -> None:
        """Take what a run showed; ``full``: its instances always had work to do."""
        self.windows += sample.windows
        if full:
            self.busy += sample.windows
        elif sample.measurement.sent_ns and not self.waiting:
            self.climbs.append(climb_of(sample))

    def add_lone(self, sample: Sample) -> None:
        """Take a run of lone requests: its latencies scatter as executions do."""
        self.add(sample)
        self.spread = spread_of(sample.measurement.percentiles_ms)
        self.overhead_ms = overhead_ms(sample)

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """The curve as measured."""
        return curve.points(self.windows)

    @property
    def is_loose(self) -> bool:
        """Whether it was loaded, and yet its curve is not known well enough to decide."""
        return bool(self.busy) and not curve.is_tight(self.points)

    @property
    def throughput(self) -> float:
        """Rows a second in the runs under full load."""
        seconds = sum(window.at for window in self.busy)
        return sum(window.rows for window in self.busy) / seconds if seconds else 0.0

    @property
    def busy_share(self) -> float:
        """Of the instances' time under full load in which they executed."""
        seconds = sum(window.at for window in self.busy) * self.option.instances
        return sum(window.busy_ns for window in self.busy) / 1e9 / seconds if seconds else 0.0

    def service(self, one: ServiceTime | None = None) -> ServiceTime | None:
        """The model, or None where too little was seen; made anew only when more was seen.

        ``one``: of a single instance with as many threads. Several then take its times, and are
        slower the more of them execute at once, by what was seen under full load; without it
        their own mean times have to do.
        """
        key = len(self.windows), one
        if key not in self._made:
            self._made = {key: self._model(one)}
        return self._made[key]

    def _model(self, one: ServiceTime | None) -> ServiceTime | None:
        rising = curve.rising(self.points)
        if not rising:
            return None
        several = one is not None and self.option.instances > 1 and self.busy
        if one is not None and several:
            own = replace(one, contention=self._contention(one))
        else:
            own = ServiceTime(
                batches=tuple(batch for batch, _ in rising),
                seconds=tuple(ms / 1000 for _, ms in rising),
                spread=self.spread,
            )
        gap = curve.gap_ms(self.busy, self.option.instances) or 0.0
        own = replace(own, gap=gap / 1000, overhead=self.overhead_ms / 1000)
        if not self.climbs:
            return own
        # Where requests come one by one the server has more to do than with bursts of clients
        # that were answered together.
        return replace(own, gap=median(fitted_gap(own, climb) for climb in self.climbs))

    def _contention(self, one: ServiceTime) -> tuple[float, ...]:
        """From 1, alone, in even steps to what was seen while all of them executed."""
        together = total(self.busy)
        expected = sum(number * one.of(size) for size, (number, _) in together.executions.items())
        most = max(1.0, together.busy_ns / 1e9 / expected) if expected else 1.0
        others = self.option.instances - 1
        return tuple(1.0 + (most - 1.0) * m / others for m in range(others + 1))


def climb_of(sample: Sample) -> Climb:
    """Of a run whose requests are known one by one."""
    requests, latencies = as_sent(sample.measurement)
    return Climb(batching=batching_of(sample.setting), requests=requests, late_ms=_late(latencies))


def fitted_gap(service: ServiceTime, climb: Climb) -> float:
    """Seconds a row, so that the simulated latencies of the last part are the measured ones.

    Never less than the service time has: that was seen.
    """

    def late(gap: float) -> float:
        outcome = open_loop(replace(service, gap=gap), climb.batching, climb.requests)
        return _late(outcome.latency * 1000)

    low, high = service.gap, service.gap + MOST_GAP * service.of(1)
    if late(low) >= climb.late_ms:
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if late(middle) < climb.late_ms:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _late(latencies: np.ndarray) -> float:
    """Median of the last part."""
    return float(np.median(latencies[-max(1, int(LAST_SHARE * len(latencies))) :]))


def overhead_ms(sample: Sample) -> float:
    """What a client of lone requests sees beyond what Triton counts of them.

    Medians on both sides: a moment in which the machine did something else is not of the server.
    """
    counted = [
        window.request_ns / window.requests / 1e6 for window in sample.windows if window.requests
    ]
    if not counted:
        return 0.0
    return max(0.0, sample.measurement.percentile_ms(50) - median(counted))
