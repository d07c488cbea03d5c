"""The steps of a tuning: batch by batch, then other instances, then the choice, then capacity."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from modelservice_runtime.contract.profile import LatencyPoint
from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.cpu import read_cpu

from . import capacity as rates
from . import runs
from .bench import Bench
from .capacity import Capacity, RateRun, figure
from .choice import (
    Choice,
    Loaded,
    Setting,
    alternatives,
    batch_sizes,
    choose,
    finalists,
    instance_options,
)
from .deadline import Deadline
from .memory import PeakMemory
from .parsing import Measurement
from .progress import say
from .results import Measured

#: p99 is the finest percentile that perf_analyzer reports; a finer objective is judged by it.
FINEST_PERCENTILE = 99.0
#: One run at a rate takes at most this share of the time that is left.
RATE_SHARE = 0.4


@dataclass(slots=True, kw_only=True)
class Tuning:
    """One tuning on one bench. ``cpu``: cores of a replica."""

    bench: Bench
    objective: LatencyObjective
    max_batch_size: int
    cpu: float
    deadline: Deadline
    curve: list[LatencyPoint] = field(default_factory=list)
    loaded: list[Loaded] = field(default_factory=list)

    def run(self) -> Measured:
        """All steps; what was measured before the time was up is used.

        Raises:
            TuneError: not even batch 1 could be measured; in words.
        """
        alone_ms = self._batches()
        self._others()
        goal = self.objective
        choice = choose(self.loaded, alone_ms, goal.milliseconds, goal.percentile)
        say("choosing", 0.7, choice.why)
        with PeakMemory(lambda: self.bench.triton.pid) as memory:
            capacity = self._capacity(choice)
        say("done", 1.0, f"capacity {figure(capacity.rows_per_second)} rows/s")
        return Measured(
            curve=tuple(self.curve),
            choice=choice,
            capacity=capacity,
            peak_memory_bytes=memory.bytes,
            load_seconds=self.bench.triton.load_seconds,
            hardware=read_cpu(),
            notes=tuple(self.bench.notes),
        )

    def _batches(self) -> float:
        """Every batch size with one instance, smallest first; the latency of a lone row.

        A batch that takes longer than the objective by itself ends it: larger ones take longer.
        """
        instances, threads = instance_options(self.cpu)[0]
        sizes = batch_sizes(self.max_batch_size)
        alone_ms = self._smallest(Setting(max_batch_size=1, instances=instances, threads=threads))
        for number, size in enumerate(sizes[1:]):
            if self.curve[-1].p50_ms > self.objective.milliseconds:
                break
            setting = Setting(max_batch_size=size, instances=instances, threads=threads)
            if not self._batch(setting, 0.15 + 0.3 * number / len(sizes)):
                break
        return alone_ms

    def _smallest(self, setting: Setting) -> float:
        say("loading", 0.05, "starting Triton with the artifact")
        probed = self.bench.first(setting, runs.probe())
        expected = probed.percentile_ms(50)
        alone = self.bench.first(setting, runs.lone(1, expected))
        self._add_point(alone, 1, 0.1)
        run = runs.closed(setting.concurrency, 2 * self.curve[0].p50_ms)
        self._add_loaded(setting, self.bench.first(setting, run), 0.15)
        return self._latency(alone)

    def _batch(self, setting: Setting, fraction: float) -> bool:
        """Whether this batch size could be measured, so that a larger one is worth a try."""
        size, before = setting.max_batch_size, self.curve[-1]
        run = runs.lone(size, before.p50_ms * size / before.batch)
        alone = self.bench.measure(setting, run, self.deadline.for_search())
        if alone is None:
            return False
        self._add_point(alone, size, fraction)
        if self.curve[-1].p50_ms > self.objective.milliseconds:
            return False
        return self._under_load(setting, fraction)

    def _others(self) -> None:
        """Other numbers of instances and threads; then the best few in turns."""
        goal_ms = self.objective.milliseconds
        for setting in alternatives(self.cpu, self.loaded, goal_ms):
            self._under_load(setting, 0.5)
        while again := finalists(self.loaded, goal_ms):
            done = [self._under_load(setting, 0.6) for setting in again]
            if not all(done):
                break  # time is up, or one of them ended Triton

    def _under_load(self, setting: Setting, fraction: float) -> bool:
        point = next(p for p in self.curve if p.batch == setting.max_batch_size)
        run = runs.closed(setting.concurrency, 2 * point.p50_ms)
        done = self.bench.measure(setting, run, self.deadline.for_search())
        if done is not None:
            self._add_loaded(setting, done, fraction)
        return done is not None

    def _capacity(self, choice: Choice) -> Capacity:
        def at(rate: float) -> RateRun | None:
            return self._at_rate(choice.setting, rate)

        find = rates.find_capacity if choice.met else rates.best_effort
        return find(at, choice.rows_per_second, self.objective.milliseconds)

    def _at_rate(self, setting: Setting, rate: float) -> RateRun | None:
        left = self.deadline.remaining(time.monotonic())
        run = runs.open_loop(rate, RATE_SHARE * left)
        if run is None:
            return None
        done = self.bench.measure(setting, run, self.deadline)
        if done is None:
            return RateRun(rate=rate, latency_ms=None)
        found = RateRun(
            rate=rate,
            latency_ms=self._latency(done),
            median_ms=done.percentile_ms(50),
            delayed_percent=done.delayed_percent,
        )
        verdict = "holds" if found.holds(self.objective.milliseconds) else "does not hold"
        say("capacity", 0.85, f"{figure(rate)} rows/s {verdict} ({found.latency_ms:.1f} ms)")
        return found

    def _add_point(self, done: Measurement, batch: int, fraction: float) -> None:
        median, high = done.percentile_ms(50), done.percentile_ms(FINEST_PERCENTILE)
        self.curve.append(LatencyPoint(batch=batch, p50_ms=median, p99_ms=high))
        say("latency by batch", fraction, f"batch {batch}: {median:.1f} ms")

    def _add_loaded(self, setting: Setting, done: Measurement, fraction: float) -> None:
        latency = self._latency(done)
        point = Loaded(setting=setting, rows_per_second=done.rows_per_second, latency_ms=latency)
        self.loaded.append(point)
        words = f"{setting.words()}: {figure(point.rows_per_second)} rows/s, {latency:.1f} ms"
        say("settings under load", fraction, words)

    def _latency(self, done: Measurement) -> float:
        return done.percentile_ms(min(self.objective.percentile, FINEST_PERCENTILE))
