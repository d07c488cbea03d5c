"""When requests arrive, from how many came in each bin of a recorded or made-up trace. Seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SEED = 20_261_126


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """``counts``: requests of each bin; ``seconds``: of a bin."""

    name: str
    counts: np.ndarray
    seconds: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.counts) * self.seconds

    @property
    def rate(self) -> np.ndarray:
        """Requests a second, by bin."""
        rate: np.ndarray = self.counts / self.seconds
        return rate

    def scaled(self, factor: float) -> Trace:
        """As many times the requests."""
        return Trace(name=self.name, counts=self.counts * factor, seconds=self.seconds)

    def part(self, begin: float, end: float) -> Trace:
        """The bins between two times, seconds since its start."""
        low, high = int(begin / self.seconds), int(end / self.seconds)
        return Trace(name=self.name, counts=self.counts[low:high], seconds=self.seconds)


def arrivals(trace: Trace, seed: int) -> np.ndarray:
    """Seconds since the start, ascending; a bin's requests are anywhere in it, independently.

    Counts that are no whole numbers (a scaled trace) are rounded up or down by chance, so that
    their mean is kept.
    """
    generator = np.random.default_rng([_SEED, seed])
    whole = np.floor(trace.counts)
    whole += generator.random(len(whole)) < trace.counts - whole
    many = whole.astype(np.int64)
    begins = np.repeat(np.arange(len(many)) * trace.seconds, many)
    times: np.ndarray = begins + generator.random(int(many.sum())) * trace.seconds
    times.sort()
    return times
