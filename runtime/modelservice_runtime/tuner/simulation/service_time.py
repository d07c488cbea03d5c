"""How long an execution takes: a measured curve, its scatter, and what is added outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .by_length import ByLength

#: Numbers that stand for a distribution: its quantiles in the middle of as many equal shares.
SPREAD_POINTS = 200
_DRAWS = 4096
_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTime:
    """Of one setting of instances and threads.

    ``batches``, ``seconds``: measured mean time of an execution by batch size, ascending; between
    them it goes straight, beyond the last one on as between the last two.
    ``spread``: factors with mean 1 that an execution's time is multiplied with, each as likely.
    ``contention``: factors of an execution that begins while 0, 1, 2 … other instances execute;
    the last one holds for more. ``gap``: seconds for each row of
    an execution in which the instance takes nothing yet: what the server does with requests
    and answers meanwhile. ``overhead``: seconds that a client sees beside waiting and execution.
    ``by_length``: where requests have several lengths; ``seconds`` are then those of one of them.
    """

    batches: tuple[int, ...]
    seconds: tuple[float, ...]
    spread: tuple[float, ...] = (1.0,)
    contention: tuple[float, ...] = (1.0,)
    gap: float = 0.0
    overhead: float = 0.0
    by_length: ByLength | None = None

    def of(self, batch: int) -> float:
        """Mean seconds of an execution of ``batch`` rows."""
        return float(self.table(batch)[batch])

    def table(self, largest: int) -> np.ndarray:
        """By batch size from 0 to ``largest``; never less for more rows."""
        known, times = np.array(self.batches, dtype=float), np.array(self.seconds)
        sizes: np.ndarray = np.arange(largest + 1, dtype=float)
        table: np.ndarray = np.interp(sizes, known, times)
        if len(known) > 1:
            slope = max(0.0, (times[-1] - times[-2]) / (known[-1] - known[-2]))
            beyond = sizes > known[-1]
            table[beyond] = times[-1] + slope * (sizes[beyond] - known[-1])
        else:
            # Nothing is known of larger ones: as if each row took as long again.
            table = times[0] * np.maximum(sizes / known[0], 1.0)
        table[0] = 0.0
        monotone: np.ndarray = np.maximum.accumulate(table)
        return monotone

    def full_batches(self, largest: int) -> np.ndarray:
        """Mean time by batch size of a service that always has requests of every length to do."""
        table = self.table(largest)
        return table if self.by_length is None else self.by_length.full_batches(table)

    def means(self, executions: np.ndarray, largest: int) -> np.ndarray:
        """Mean time by batch size up to ``largest``, over the lengths that were executed together.

        ``executions``: how many, by batch size; with several lengths by length and batch size.
        """
        table = self.table(largest)
        if self.by_length is None or executions.ndim == 1:
            return table
        return self.by_length.means(table, executions)

    def scaled(self, speed: float, scatter: float = 1.0) -> ServiceTime:
        """Every execution takes ``speed`` times as long, and scatters ``scatter`` times as much."""
        widened = np.array(self.spread) ** scatter
        return replace(
            self,
            seconds=tuple(value * speed for value in self.seconds),
            spread=tuple(float(value) for value in widened / widened.mean()),
        )

    def slower(self, instances: int) -> np.ndarray:
        """The factors for as many instances."""
        known = len(self.contention)
        factors = [self.contention[min(m, known - 1)] for m in range(instances)]
        slower: np.ndarray = np.array(factors)
        return slower

    def draws(self) -> np.ndarray:
        """Which factor each execution gets, in turn."""
        generator = np.random.default_rng(_SEED)
        drawn: np.ndarray = generator.integers(0, len(self.spread), _DRAWS)
        return drawn


def spread_of(percentiles_ms: Mapping[int, float]) -> tuple[float, ...]:
    """Factors with mean 1 from latencies of lone requests, by percentile.

    Straight lines between the percentiles; below the median as if it were the least.
    """
    known = sorted(percentiles_ms.items())
    shares = np.array([0.0, *(percent / 100 for percent, _ in known), 1.0])
    values = np.array([known[0][1], *(value for _, value in known), known[-1][1]])
    middles = (np.arange(SPREAD_POINTS) + 0.5) / SPREAD_POINTS
    factors = np.interp(middles, shares, np.maximum.accumulate(values))
    return tuple(float(value) for value in factors / factors.mean())
