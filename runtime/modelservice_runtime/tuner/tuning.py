"""The steps of a tuning: curve → settings under load → choice → capacity → memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.model_config import ModelConfig
from modelservice_runtime.contract.profile import LatencyPoint, Profile
from modelservice_runtime.contract.requests import TuneRequest
from modelservice_runtime.serve.samples import Samples

from .capacity import Capacity, RateRun, find_capacity
from .choice import (
    Choice,
    Loaded,
    Setting,
    batch_sizes,
    choose,
    falling,
    instance_options,
    queue_timeout_microseconds,
)
from .cores import Cores, children_on
from .deadline import Deadline
from .errors import LoadFailed, OutOfTime
from .hardware import read_cpu
from .load_runs import LoadGenerator, write_input_data
from .memory import PeakMemory
from .parsing import Measurement, OutputUnreadableError
from .progress import say
from .server import Triton

#: What one measurement takes, reload included; before each it is checked that it fits.
STEP_SECONDS = 8.0
#: p99 is the finest percentile that perf_analyzer reports; a finer objective is judged by it.
FINEST_PERCENTILE = 99.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the steps work on."""

    request: TuneRequest
    manifest: Manifest
    samples: Samples
    artifact: Path
    scratch: Path
    cores: Cores
    deadline: Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The profile, and why it is so, in words."""

    profile: Profile
    words: str


def tune(inputs: Inputs) -> Tuned:
    """Measure and choose.

    Raises:
        TuneError: in words; what was measured before the time was up is used.
    """
    input_data = inputs.scratch / "input.json"
    write_input_data(inputs.samples, input_data)
    first = _setting(
        inputs, inputs.request.max_batch_size, *instance_options(inputs.request.cpu)[0]
    )
    say("loading", 0.05, "starting Triton with the artifact")
    with (
        children_on(inputs.cores.server),
        Triton(inputs.artifact, inputs.scratch, _config(inputs, first)) as triton,
    ):
        load = LoadGenerator(
            model=inputs.request.name,
            address=triton.grpc_address,
            input_data=input_data,
            scratch=inputs.scratch,
            cores=inputs.cores,
        )
        return _Measuring(inputs, triton, load).run()


def _setting(inputs: Inputs, batch: int, instances: int, threads: int) -> Setting:
    del inputs
    return Setting(max_batch_size=batch, instances=instances, threads=threads)


def _config(inputs: Inputs, setting: Setting) -> ModelConfig:
    return ModelConfig(
        name=inputs.request.name,
        backend=inputs.request.backend,
        max_batch_size=setting.max_batch_size,
        interface=inputs.manifest.interface,
        instances=setting.instances,
        threads=setting.threads,
        warmup_batch_sizes=tuple(sorted({1, setting.max_batch_size})),
        warmup_inputs=inputs.manifest.sample_inputs,
    )


class _Measuring:
    """The steps that share one running Triton."""

    def __init__(self, inputs: Inputs, triton: Triton, load: LoadGenerator) -> None:
        self._inputs = inputs
        self._triton = triton
        self._load = load
        self._goal = inputs.request.objective

    def run(self) -> Tuned:
        """All steps."""
        curve = self._curve()
        loaded = self._settings()
        choice = choose(loaded, curve, self._goal.milliseconds, self._goal.percentile)
        say("choosing", 0.7, choice.why)
        self._triton.reconfigure(_config(self._inputs, choice.setting))
        with PeakMemory(self._triton.pid) as memory:
            capacity = self._capacity(choice)
        return self._tuned(choice, curve, capacity, memory.bytes)

    def _curve(self) -> tuple[LatencyPoint, ...]:
        sizes = batch_sizes(self._inputs.request.max_batch_size)
        points: list[LatencyPoint] = []
        for number, size in enumerate(sizes):
            done = self._measure(lambda size=size: self._load.lone(size), f"batch {size}")  # type: ignore[misc]
            if done is None:
                break
            median, high = done.percentile_ms(50), self._latency(done)
            points.append(LatencyPoint(batch=size, p50_ms=median, p99_ms=high))
            share = 0.1 + 0.25 * (number + 1) / len(sizes)
            say("latency by batch", share, f"batch {size}: {median:.1f} ms")
        if not points:
            raise LoadFailed("not even batch 1 could be measured")
        return tuple(points)

    def _settings(self) -> list[Loaded]:
        request = self._inputs.request
        settings = [
            Setting(max_batch_size=size, instances=instances, threads=threads)
            for instances, threads in instance_options(request.cpu)
            for size in batch_sizes(request.max_batch_size)
        ]
        found: list[Loaded] = []
        for number, setting in enumerate(settings):
            loaded = self._under_load(setting)
            if loaded is None:
                break
            found.append(loaded)
            share = 0.35 + 0.35 * (number + 1) / len(settings)
            words = f"{setting.words()}: {loaded.rows_per_second:.0f} rows/s"
            say("settings under load", share, f"{words}, {loaded.latency_ms:.1f} ms")
        if not found:
            raise LoadFailed("no setting could be measured under load")
        return found

    def _under_load(self, setting: Setting) -> Loaded | None:
        concurrency = 2 * setting.max_batch_size * setting.instances

        def run() -> Measurement:
            self._triton.reconfigure(_config(self._inputs, setting))
            return self._load.closed(concurrency)

        done = self._measure(run, setting.words())
        if done is None:
            return None
        return Loaded(
            setting=setting, rows_per_second=done.rows_per_second, latency_ms=self._latency(done)
        )

    def _capacity(self, choice: Choice) -> Capacity:
        def at(rate: float) -> RateRun:
            done = self._measure(
                lambda: self._load.poisson(rate), f"{rate:.1f} rows/s", give_up=True
            )
            if done is None:
                return RateRun(rate=rate, latency_ms=None)
            run = RateRun(
                rate=rate, latency_ms=self._latency(done), delayed_percent=done.delayed_percent
            )
            verdict = "holds" if run.holds(self._goal.milliseconds) else "does not hold"
            say("capacity", 0.85, f"{rate:.1f} rows/s {verdict} ({run.latency_ms:.1f} ms)")
            return run

        return find_capacity(at, choice.rows_per_second, self._goal.milliseconds)

    def _measure(
        self, run: Callable[[], Measurement], doing: str, *, give_up: bool = False
    ) -> Measurement | None:
        """One measurement, once repeated; None when time is up and something is known already."""
        try:
            self._inputs.deadline.check(time.monotonic(), STEP_SECONDS, doing)
        except OutOfTime:
            if doing == "batch 1":
                raise
            return None
        try:
            return run()
        except LoadFailed:
            self._triton.check_alive()
            if give_up:
                return None
        done = run()
        self._triton.check_alive()
        return done

    def _latency(self, done: Measurement) -> float:
        try:
            return done.percentile_ms(min(self._goal.percentile, FINEST_PERCENTILE))
        except OutputUnreadableError as error:
            raise LoadFailed(str(error)) from error

    def _tuned(
        self, choice: Choice, curve: tuple[LatencyPoint, ...], capacity: Capacity, memory: int
    ) -> Tuned:
        request, setting, goal = self._inputs.request, choice.setting, self._goal
        largest = [p for p in curve if p.batch <= setting.max_batch_size][-1]
        profile = Profile(
            artifact_digest=request.artifact_digest,
            backend=request.backend,
            max_batch_size=setting.max_batch_size,
            instances=setting.instances,
            threads=setting.threads,
            queue_delay_microseconds=0,
            queue_timeout_microseconds=(
                queue_timeout_microseconds(goal.milliseconds, largest.p50_ms) if choice.met else 0
            ),
            latency=curve,
            latency_at_capacity_ms=round(capacity.latency_ms, 3),
            throughput_rows_per_second=round(choice.rows_per_second, 3),
            capacity_rows_per_second=round(capacity.rows_per_second, 3),
            objective_percentile=goal.percentile,
            objective_ms=goal.milliseconds,
            objective_met=choice.met,
            peak_memory_bytes=memory,
            load_seconds=round(self._triton.load_seconds, 3),
            hardware=read_cpu(),
        )
        words = (
            f"{choice.why}; {choice.rows_per_second:.0f} rows/s closed-loop, capacity"
            f" {capacity.rows_per_second:.0f} rows/s per replica, {memory >> 20} MiB at most"
        )
        odd = falling(curve)
        return Tuned(profile=profile, words=f"{words}; {odd}" if odd else words)
