"""A whole tuning on a made-up Triton: how fast it is in truth, and what is best on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_triton import FakeTriton
from tuning_values import fits, question

from modelservice_runtime.tuner.bench import Bench
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.memory_use import MemoryUse
from modelservice_runtime.tuner.outcome import Tuned
from modelservice_runtime.tuner.question import Question
from modelservice_runtime.tuner.search import Candidate, simulate
from modelservice_runtime.tuner.settings import (
    Option,
    Setting,
    batch_sizes,
    delays_microseconds,
)
from modelservice_runtime.tuner.simulation.service_time import ServiceTime
from modelservice_runtime.tuner.tuning import Tuning

GOAL_MS = 40.0
CONTENTION = 0.1


def batches_pay(option: Option, rows: int) -> float:
    """A second thread helps little."""
    return (0.004 + 0.001 * rows) / (1 + 0.2 * (option.threads - 1))


def threads_pay(option: Option, rows: int) -> float:
    """Two threads are more than twice as fast as one."""
    return (0.004 + 0.004 * rows) / (1 + 1.3 * (option.threads - 1))


def rows_cost(option: Option, rows: int) -> float:
    """A batch gains nothing."""
    return 0.005 * rows / (1 + 0.3 * (option.threads - 1))


def total(use: MemoryUse) -> int:
    """Of a replica."""
    return use.server + use.instances


def asked(**more: Any) -> Question:
    """A small search."""
    return question(**{"milliseconds": GOAL_MS, "max_batch": 8, **more})


def tuning_of(
    fake: FakeTriton,
    patch: pytest.MonkeyPatch,
    wanted: Question,
    *,
    variants: tuple[str, ...] = ("a",),
    seconds: float = 400.0,
) -> Tuning:
    """On the fake's time."""
    fake.install(patch)
    deadline = Deadline.after(seconds, fake.clock.now)
    bench = Bench(server=fake, load=fake, deadline=deadline)  # type: ignore[arg-type]
    return Tuning(bench=bench, variants=variants, question=wanted, deadline=deadline)


def tune(
    fake: FakeTriton, patch: pytest.MonkeyPatch, wanted: Question | None = None, **more: Any
) -> Tuned:
    """All steps."""
    return tuning_of(fake, patch, wanted or asked(), **more).run()


def true_candidate(fake: FakeTriton, place: Setting, wanted: Question) -> Candidate:
    """As who knew the truth would simulate it."""
    normal = np.random.default_rng(1).standard_normal(400)
    spread = np.maximum(0.3, 1 + fake.scatter * normal)
    sizes = tuple(range(1, 9))
    service = ServiceTime(
        batches=sizes,
        seconds=tuple(fake.truth(place.option, size) for size in sizes),
        spread=tuple((spread / spread.mean()).tolist()),
        contention=tuple(1 + fake.contention * n for n in range(8)),
        overhead=fake.overhead,
    )
    return simulate(place, service, wanted, fits)


def truly_best(fake: FakeTriton, found: Tuned) -> float:
    """Rows a second of the best of all settings of the options that were looked at."""
    wanted = found.question
    return max(
        true_candidate(fake, setting_, wanted).rows_per_second
        for setting_ in {
            Setting(option=option, max_batch_size=size, queue_delay_microseconds=delay)
            for option in found.options
            for size in batch_sizes(wanted.limits.max_batch_size, wanted.least_batch)
            for delay in delays_microseconds(
                1000 * fake.truth(option, size), size, wanted.objective.milliseconds
            )
        }
    )
