"""One option of variant, instances and threads, measured: its curve and the model made of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median

from . import curve
from .bench import Sample
from .curve import CurvePoint
from .settings import Option
from .simulation.service_time import ServiceTime, spread_of
from .statistics import Counters, total

#: Windows of a run whose batches are this full on average: there was always work to do.
FULL_SHARE = 0.8


@dataclass(slots=True, kw_only=True)
class MeasuredOption:
    """``windows``: of all runs; ``busy``: of those under full load; ``behind``: of those at a rate,
    while more came than could be done.

    ``spread`` and ``overhead_ms``: of lone requests.
    """

    option: Option
    windows: list[Counters] = field(default_factory=list)
    busy: list[Counters] = field(default_factory=list)
    behind: list[Counters] = field(default_factory=list)
    spread: tuple[float, ...] = (1.0,)
    overhead_ms: float = 0.0

    def add(self, sample: Sample, *, full: bool = False) -> None:
        """Take what a run showed; ``full``: its instances always had work to do."""
        self.windows += sample.windows
        if full:
            self.busy += sample.windows
        elif sample.measurement.latencies_ms or self.busy:
            most = FULL_SHARE * sample.setting.max_batch_size
            self.behind += [one for one in sample.windows if one.rows / one.count >= most]

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

    def _gap(self) -> float:
        """Milliseconds for each row in which an instance with work to do does not execute.

        Where requests come one by one rather than in bursts of answered clients, if that was seen.
        """
        seen = curve.gap_ms(self.behind, self.option.instances)
        known = curve.gap_ms(self.busy, self.option.instances) if seen is None else seen
        return known or 0.0

    def service(self, one: ServiceTime | None = None) -> ServiceTime | None:
        """The model, or None where too little was seen.

        ``one``: of a single instance with as many threads. Several then take its times, and are
        slower the more of them execute at once, by what was seen under full load; without it
        their own mean times have to do.
        """
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
        return replace(
            own,
            gap=self._gap() / 1000,
            overhead=self.overhead_ms / 1000,
        )

    def _contention(self, one: ServiceTime) -> tuple[float, ...]:
        """From 1, alone, in even steps to what was seen while all of them executed."""
        together = total(self.busy)
        expected = sum(number * one.of(size) for size, (number, _) in together.executions.items())
        most = max(1.0, together.busy_ns / 1e9 / expected) if expected else 1.0
        others = self.option.instances - 1
        return tuple(1.0 + (most - 1.0) * m / others for m in range(others + 1))


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
