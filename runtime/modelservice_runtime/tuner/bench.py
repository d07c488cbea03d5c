"""Measures settings one at a time on the one Triton; what one of them breaks ends only that one.

A measurement is None where it was given up: there was no time for it, the load generator had
no figures twice, Triton refused the setting, or died of it. ``notes`` say so in words.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from . import memory_growth
from .deadline import Deadline
from .errors import (
    MODEL_NOT_SERVABLE,
    OUT_OF_MEMORY,
    LoadFailed,
    TooLate,
    TritonDied,
    TuneError,
    UserError,
)
from .load_runs import LoadGenerator
from .memory_growth import Point
from .memory_plan import Observation
from .memory_use import MemoryUse
from .padding import Padding
from .parsing import Measurement
from .runs import Run, quiet_most, timeout
from .settings import Setting
from .statistics import Counters, Watch, total, windows

#: perf_analyzer takes as long to start and to end.
AROUND_SECONDS = 0.5


class Server(Protocol):
    """The Triton under test, whoever started it."""

    def serve(self, setting: Setting, deadline: Deadline) -> None:
        """Serve with ``setting`` from now on.

        Raises:
            UserError: Triton refuses it.
            TritonDied: Triton is gone; the next call may start another one.
            TooLate: the time passed before it was ready.
        """

    def check_alive(self) -> None:
        """Raises TritonDied if it is gone."""

    def counters(self) -> Counters:
        """What Triton counts.

        Raises:
            OSError, ValueError: it does not answer.
        """

    def padding(self, setting: Setting, deadline: Deadline) -> Padding:
        """Serve with ``setting``, and ask whether its variant's requests may be padded.

        From then on the variant is served so. Only for a traffic that has lengths.

        Raises:
            UserError: Triton refuses it, or the model one of the lengths.
            TritonDied, TooLate: see ``serve``.
        """

    def keep_apart(self, variant: str) -> None:
        """From now on only its requests of equal length are one batch, though more may be."""

    def memory(self) -> MemoryUse | None:
        """Of the server and the instances that serve now; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one setting.

    ``windows``: what Triton counted meanwhile; ``served``: requests among it, or that the load
    generator counted. ``memory``: at its end.
    """

    setting: Setting
    measurement: Measurement
    windows: tuple[Counters, ...]
    memory: MemoryUse | None
    served: int = 0


@dataclass(slots=True, kw_only=True)
class Bench:
    """The Triton under test and what loads it.

    ``load_seconds``, ``runs``: spent so far. ``samples``: all that were measured, in order.
    """

    server: Server
    load: LoadGenerator
    deadline: Deadline
    notes: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    load_seconds: float = 0.0
    runs: int = 0

    def memory(self) -> tuple[Observation, ...]:
        """What each measured setting was seen to need, in order; nothing where that is unknown."""
        seen = [(one, one.memory) for one in self.samples if one.memory is not None]
        points = self.memory_points()
        gone = memory_growth.leaked(points, memory_growth.leak(points))
        return tuple(
            Observation(
                setting=sample.setting,
                server_bytes=use.server,
                instance_bytes=use.instances,
                shared_bytes=use.shared,
                file_bytes=use.files,
                gpu_bytes=use.gpu,
                gpu_total=use.gpu_total,
                leaked_bytes=leaked,
            )
            for (sample, use), leaked in zip(seen, gone, strict=True)
        )

    def memory_points(self) -> tuple[Point, ...]:
        """The replica's memory after each run, where it is known, and what the run served."""
        return tuple(
            Point(
                setting=sample.setting,
                requests=sample.served,
                used=sample.memory.own or {0: sample.memory.server + sample.memory.instances},
            )
            for sample in self.samples
            if sample.memory is not None
        )

    def first(self, setting: Setting, run: Run) -> Sample:
        """The measurement without which there is nothing to say.

        Raises:
            TuneError: in words for the user.
        """
        try:
            return self._twice(setting, run, self.deadline)
        except TritonDied as error:
            raise _final(error, setting) from error

    def padding(self, setting: Setting, deadline: Deadline) -> Padding:
        """Whether requests of different lengths may be padded.

        Raises:
            TuneError: in words for the user.
        """
        try:
            return self.server.padding(setting, deadline)
        except TritonDied as error:
            raise _final(error, setting) from error

    def measure(self, setting: Setting, run: Run, deadline: Deadline) -> Sample | None:
        """One measurement, or None and a note."""
        if deadline.remaining(time.monotonic()) < run.seconds + AROUND_SECONDS:
            self._note(setting, "there was no time to measure it")
            return None
        try:
            return self._twice(setting, run, deadline)
        except (LoadFailed, TritonDied, TooLate) as error:
            self._note(setting, error.message)
        except UserError as error:
            if error.reason != MODEL_NOT_SERVABLE:
                raise
            self._note(setting, error.message)
        return None

    def _twice(self, setting: Setting, run: Run, deadline: Deadline) -> Sample:
        """Measure; once more if the load generator had no figures although Triton lives."""
        try:
            return self._once(setting, run, deadline)
        except LoadFailed:
            if deadline.remaining(time.monotonic()) < run.seconds + AROUND_SECONDS:
                raise
        return self._once(setting, run, deadline)

    def _once(self, setting: Setting, run: Run, deadline: Deadline) -> Sample:
        self.server.serve(setting, deadline)
        began = time.monotonic()
        left = deadline.remaining(began)
        if left == 0.0:
            raise TooLate(f"time was up before {setting.words()} was measured")
        try:
            with Watch(counters=self.server.counters) as watch:
                most = quiet_most(run)
                measured = self.load.run(
                    run, timeout(run, left), lambda: watch.quiet_seconds() > most
                )
        except LoadFailed:
            self.server.check_alive()
            raise
        finally:
            self.load_seconds += time.monotonic() - began
            self.runs += 1
        counted = windows(watch.readings)
        sample = Sample(
            setting=setting,
            measurement=measured,
            windows=counted,
            memory=self.server.memory(),
            served=total(counted).requests or measured.requests,
        )
        self.samples.append(sample)
        return sample

    def _note(self, setting: Setting, why: str) -> None:
        self.notes.append(f"{setting.words()} was given up: {why}")


def _final(error: TritonDied, setting: Setting) -> TuneError:
    if not error.killed:
        return error
    return UserError(
        OUT_OF_MEMORY,
        f"Triton was killed even with {setting.words()}: the memory limit is too low for the model"
        " most likely; raise spec.serving.resources.limits.memory",
    )
