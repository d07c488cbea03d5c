"""The steps of a tuning: batch by batch, variant by variant, other instances, choice, capacity."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.cpu import read_cpu

from . import capacity as rates
from . import runs
from .bench import Bench
from .capacity import Capacity, RateRun, figure
from .choice import (
    Choice,
    LatencyPoint,
    Loaded,
    Setting,
    alternatives,
    batch_sizes,
    choose,
    finalists,
    instance_options,
)
from .contenders import best_batch, compared, next_batch
from .deadline import Deadline
from .errors import LoadFailed, TritonDied, TuneError, UserError
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
    """One tuning on one bench.

    ``variants``: names, at least one, the builder's choice first. ``cpu``: cores of a replica.
    ``curves``, ``alone_ms`` (a lone row at the objective's percentile): by variant.
    """

    bench: Bench
    variants: tuple[str, ...]
    objective: LatencyObjective
    max_batch_size: int
    cpu: float
    deadline: Deadline
    curves: dict[str, list[LatencyPoint]] = field(default_factory=dict)
    alone_ms: dict[str, float] = field(default_factory=dict)
    loaded: list[Loaded] = field(default_factory=list)

    def run(self) -> Measured:
        """All steps; what was measured before the time was up is used.

        Raises:
            TuneError: not even batch 1 could be measured; in words.
        """
        self._every_variant()
        self._others()
        goal = self.objective
        choice = choose(self.loaded, self.alone_ms, goal.milliseconds, goal.percentile)
        say("choosing", 0.7, choice.why)
        self._fill_curve(choice.setting)
        with PeakMemory(lambda: self.bench.triton.pid) as memory:
            capacity = self._capacity(choice)
        say("done", 1.0, f"capacity {figure(capacity.rows_per_second)} rows/s")
        return Measured(
            curve=tuple(sorted(self.curves[choice.setting.variant], key=lambda p: p.batch)),
            choice=choice,
            capacity=capacity,
            peak_memory_bytes=memory.bytes,
            load_seconds=self.bench.triton.load_seconds,
            hardware=read_cpu(),
            notes=(compared(self.loaded, goal.milliseconds, goal.percentile), *self.bench.notes),
        )

    def _every_variant(self) -> None:
        """The first one that can be measured is searched whole, the others beside it."""
        failures: list[TuneError] = []
        for variant in self.variants:
            if self.loaded:
                self._beside(self._single(variant))
                continue
            try:
                self._whole(self._single(variant))
            except (UserError, TritonDied, LoadFailed) as error:
                self.bench.notes.append(f"{variant} was given up: {error.message}")
                failures.append(error)
        if not self.loaded:
            raise failures[0]

    def _single(self, variant: str) -> Setting:
        instances, threads = instance_options(self.cpu)[0]
        return Setting(variant=variant, max_batch_size=1, instances=instances, threads=threads)

    def _whole(self, single: Setting) -> None:
        """Every batch size with one instance, smallest first.

        A batch that takes longer than the objective by itself ends it: larger ones take longer.
        With more variants to come it ends while there is time for them.
        """
        self._smallest(single)
        sizes, curve = batch_sizes(self.max_batch_size), self.curves[single.variant]
        until = self.deadline.for_search(2 / (1 + len(self.variants)))
        for number, size in enumerate(sizes[1:]):
            if curve[-1].p50_ms > self.objective.milliseconds:
                break
            setting = replace(single, max_batch_size=size)
            if not self._batch(setting, 0.15 + 0.3 * number / len(sizes), until):
                break

    def _smallest(self, single: Setting) -> None:
        say("loading", 0.05, "starting Triton with the artifact")
        probed = self.bench.first(single, runs.probe())
        alone = self.bench.first(single, runs.lone(1, probed.percentile_ms(50)))
        self._add_alone(single, alone, 0.1)
        run = runs.closed(single.concurrency, 2 * self.curves[single.variant][0].p50_ms)
        self._add_loaded(single, self.bench.first(single, run), 0.15)

    def _beside(self, single: Setting) -> None:
        """A further variant, at the batch size that is best so far and as far as it gains."""
        goal_ms, until = self.objective.milliseconds, self.deadline.for_search()
        others = list(self.loaded)
        first = self.curves[others[0].setting.variant][0]
        alone = self.bench.measure(single, runs.lone(1, first.p50_ms), until)
        if alone is None:
            return
        self._add_alone(single, alone, 0.46)
        size: int | None = best_batch(others, goal_ms)
        while size is not None:
            setting = replace(single, max_batch_size=size)
            measured = self._under_load if size == 1 else self._batch
            if not measured(setting, 0.47, until):
                break
            size = next_batch(self.loaded[len(others) :], others, self.max_batch_size, goal_ms)
        last = self.curves[single.variant][-1]
        if len(self.loaded) == len(others) and last.p50_ms > goal_ms:
            why = f"a batch of {last.batch} alone takes {last.p50_ms:.1f} ms"
            self.bench.notes.append(f"{single.variant} was given up: {why}")

    def _batch(self, setting: Setting, fraction: float, until: Deadline) -> bool:
        """Whether this batch size could be measured, so that another one is worth a try."""
        size, curve = setting.max_batch_size, self.curves[setting.variant]
        run = runs.lone(size, curve[-1].p50_ms * size / curve[-1].batch)
        alone = self.bench.measure(setting, run, until)
        if alone is None:
            return False
        self._add_point(setting, alone, size, fraction)
        if curve[-1].p50_ms > self.objective.milliseconds:
            return False
        return self._under_load(setting, fraction, until)

    def _others(self) -> None:
        """Other numbers of instances and threads; then the best few in turns."""
        goal_ms, until = self.objective.milliseconds, self.deadline.for_search()
        for setting in alternatives(self.cpu, self.loaded, goal_ms):
            self._under_load(setting, 0.5, until)
        while again := finalists(self.loaded, goal_ms):
            done = [self._under_load(setting, 0.6, until) for setting in again]
            if not all(done):
                break  # time is up, or one of them ended Triton

    def _under_load(self, setting: Setting, fraction: float, until: Deadline) -> bool:
        curve = self.curves[setting.variant]
        point = next(p for p in curve if p.batch == setting.max_batch_size)
        run = runs.closed(setting.concurrency, 2 * point.p50_ms)
        done = self.bench.measure(setting, run, until)
        if done is not None:
            self._add_loaded(setting, done, fraction)
        return done is not None

    def _fill_curve(self, chosen: Setting) -> None:
        """The smaller batches of a variant that was not searched whole."""
        curve = self.curves[chosen.variant]
        single = replace(self._single(chosen.variant), max_batch_size=chosen.max_batch_size)
        known = {point.batch for point in curve}
        for size in batch_sizes(chosen.max_batch_size):
            if size in known:
                continue
            run = runs.lone(size, curve[0].p50_ms * size)
            done = self.bench.measure(single, run, self.deadline.for_search())
            if done is None:
                break
            self._add_point(chosen, done, size, 0.72)

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

    def _add_alone(self, single: Setting, done: Measurement, fraction: float) -> None:
        self.curves[single.variant] = []
        self.alone_ms[single.variant] = self._latency(done)
        self._add_point(single, done, 1, fraction)

    def _add_point(self, setting: Setting, done: Measurement, batch: int, fraction: float) -> None:
        median, high = done.percentile_ms(50), done.percentile_ms(FINEST_PERCENTILE)
        point = LatencyPoint(batch=batch, p50_ms=median, p99_ms=high)
        self.curves[setting.variant].append(point)
        say("latency by batch", fraction, f"{setting.variant}, batch {batch}: {median:.1f} ms")

    def _add_loaded(self, setting: Setting, done: Measurement, fraction: float) -> None:
        latency = self._latency(done)
        point = Loaded(setting=setting, rows_per_second=done.rows_per_second, latency_ms=latency)
        self.loaded.append(point)
        words = f"{setting.words()}: {figure(point.rows_per_second)} rows/s, {latency:.1f} ms"
        say("settings under load", fraction, words)

    def _latency(self, done: Measurement) -> float:
        return done.percentile_ms(min(self.objective.percentile, FINEST_PERCENTILE))
