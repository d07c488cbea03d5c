"""What is served: how long a batch takes, what is promised, how long a replica takes to start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOf:
    """``base``, ``each``: seconds of an execution and of each row in it. ``goal``: seconds.

    ``pooled``: each request goes to the replica with the fewest open ones, else to any by chance.
    ``patient``: requests wait as long as it takes, as where no queue policy is set. ``overlooks``:
    how often a batcher sleeps on when an instance gets free for a request that waits.
    ``start``: median seconds of a start, ``start_p95`` times that for one in twenty; ``slow_share``
    of them take ``SLOW_FACTOR`` times as long. ``drain``: seconds until a drained replica is gone:
    endpoints have to hear of it first.
    """

    base: float = 0.060
    each: float = 0.020
    batch: int = 8
    instances: int = 1
    goal: float = 0.500
    allowed: float = 0.01
    start: float = 60.0
    start_p95: float = 1.6
    slow_share: float = 0.02
    drain: float = 5.0
    pooled: bool = False
    patient: bool = False
    overlooks: float = 0.0

    def table(self) -> np.ndarray:
        """Seconds by rows, 0 … batch."""
        rows = np.arange(self.batch + 1)
        table: np.ndarray = self.base + self.each * rows
        table[0] = 0.0
        return table

    @property
    def full(self) -> float:
        """Rows a second of a replica with full batches."""
        return self.instances * self.batch / (self.base + self.each * self.batch)

    @property
    def timeout(self) -> float:
        """Waiting longer than this cannot be answered in time."""
        if self.patient:
            return math.inf
        return self.goal - float(self.table()[-1])


SLOW_FACTOR = 3.0
_Z95 = 1.645


def start_seconds(model: ModelOf, generator: np.random.Generator) -> float:
    """Of one replica: lognormal, and now and then far slower."""
    sigma = math.log(model.start_p95) / _Z95
    seconds = model.start * math.exp(sigma * generator.standard_normal())
    slow = generator.random() < model.slow_share
    return float(seconds * (SLOW_FACTOR if slow else 1.0))
