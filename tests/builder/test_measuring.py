"""Timing in turns, and how sure one may be of the ratio."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.measuring import (
    ROUNDS_LEAST,
    batches,
    measure,
    median_interval,
    speedup,
)
from modelservice_runtime.contract.manifest import LatencyPair


@dataclass(slots=True)
class Clock:
    """Stands still until an engine moves it."""

    now: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@dataclass(slots=True)
class Engine:
    """Takes ``milliseconds`` a call on the fake clock; notes who was asked when."""

    name: str
    clock: Clock
    log: list[str]
    milliseconds: list[float] = field(default_factory=lambda: [1.0])

    def time(self, inputs: Path, seconds: float) -> list[float]:
        """Time passes as if the calls were made."""
        del inputs
        self.log.append(self.name)
        taken = self.milliseconds[len(self.log) // 2 % len(self.milliseconds)]
        calls = max(1, int(seconds * 1e3 / taken))
        self.clock.now += calls * taken / 1e3
        return [taken] * calls


def pair_of(source: list[float], candidate: list[float]) -> tuple[LatencyPair, list[str]]:
    clock, log = Clock(), list[str]()
    (found,) = measure(
        Engine("source", clock, log, source),
        Engine("candidate", clock, log, candidate),
        {8: Path("inputs")},
        clock,
    )
    return found, log


def test_the_two_take_turns() -> None:
    _, log = pair_of([2.0], [1.0])
    assert log == ["source", "candidate"] * (len(log) // 2)


def test_the_ratio_has_an_interval_around_it() -> None:
    found, _ = pair_of([2.0, 2.2, 1.9], [1.0, 1.1, 0.9, 1.05])
    assert found.speedup_low <= 2.0 <= found.speedup_high
    assert found.speedup_low < found.speedup_high


def test_a_slow_model_gets_its_rounds_although_the_time_is_up() -> None:
    _, log = pair_of([9000.0], [4000.0])
    assert len(log) == 2 + 2 * ROUNDS_LEAST


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=40))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    low, high = median_interval(values)
    assert low <= median(values) <= high


@pytest.mark.parametrize("count", [6, 9, 20])
def test_the_interval_holds_the_true_median_as_often_as_it_says(count: int) -> None:
    generator = random.Random(7)  # noqa: S311 - a simulation
    held = 0
    for _ in range(2000):
        low, high = median_interval([generator.lognormvariate(0, 1) for _ in range(count)])
        held += low <= 1.0 <= high
    assert held >= 0.94 * 2000


def test_batches_are_one_eight_and_the_largest() -> None:
    assert batches(1) == (1,)
    assert batches(4) == (1, 4)
    assert batches(32) == (1, 8, 32)


def test_the_speed_up_is_the_geometric_mean_over_the_batch_sizes() -> None:
    pairs = [
        LatencyPair(batch=1, source_ms=4.0, artifact_ms=1.0),
        LatencyPair(batch=8, source_ms=1.0, artifact_ms=1.0),
    ]
    assert speedup(pairs) == pytest.approx(2.0)
    assert speedup([]) == 0.0
