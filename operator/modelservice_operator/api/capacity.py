"""What so many replicas can carry, from the profile's tables. Pure.

Between the tables' columns and rows it goes straight; beyond the last column replicas add what the
last one adds for each, beyond the last row nobody is answered any better.
"""

from __future__ import annotations

import base64
import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, LOAD_STEPS, Profile

#: A correction of capacity beyond these is none any more: the profile is wrong.
_SPEEDS = (0.5, 1.5)
#: A sum of rates that lands on a whole number may miss it by a rounding error.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """``counts``: columns of replicas, ascending; ``rows``: a second within the goal, for each.

    ``full``: rows a second of one replica that always has full batches to do. ``answered``: for
    each of ``LOAD_STEPS`` (offered ÷ what all replicas do at most) and each count the share of
    the requests answered in time; empty where that is not known.
    """

    counts: tuple[int, ...]
    rows: tuple[float, ...]
    full: float
    answered: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def single(cls, rows: float, full: float = 0.0) -> Capacity:
        """Of replicas that each carry ``rows``, about which nothing more is known."""
        return cls(counts=(1,), rows=(rows,), full=full or rows)

    def of(self, replicas: int) -> float:
        """R(c): rows a second that as many replicas carry within the goal."""
        if replicas <= 0:
            return 0.0
        if replicas <= self.counts[0]:
            return self.rows[0] * replicas / self.counts[0]
        if replicas >= self.counts[-1]:
            return self.rows[-1] + (replicas - self.counts[-1]) * self._each_more()
        right = bisect_right(self.counts, replicas)
        return _between(self.counts, self.rows, right, replicas)

    def replicas_for(self, rows_per_second: float) -> int:
        """The fewest replicas that carry as many rows a second; at least 1.

        Raises:
            ValueError: one replica carries nothing, so no number is enough.
        """
        if self.rows[0] <= 0:
            raise ValueError("a replica carries nothing")
        if rows_per_second <= self.rows[0] / self.counts[0]:
            return 1
        low = 1  # carries too little
        high = 2
        while self.of(high) < rows_per_second * (1 - _ROUNDING):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if self.of(middle) < rows_per_second * (1 - _ROUNDING):
                low = middle
            else:
                high = middle
        return high

    def share_in_time(self, rows_per_second: float, replicas: int) -> float:
        """G: the share of the requests that as many replicas answer in time at a load."""
        if replicas <= 0:
            return 0.0
        if rows_per_second <= 0:
            return 1.0
        if not self.answered:
            return min(1.0, self.of(replicas) / rows_per_second)
        load = rows_per_second / (replicas * self.full)
        if load <= LOAD_STEPS[0]:
            return self._in_column(self.answered[0], replicas)
        if load >= LOAD_STEPS[-1]:
            # What is done at most stays the same, so its share falls as the load grows.
            return self._in_column(self.answered[-1], replicas) * LOAD_STEPS[-1] / load
        right = bisect_right(LOAD_STEPS, load)
        below, above = (self._in_column(self.answered[i], replicas) for i in (right - 1, right))
        left = LOAD_STEPS[right - 1]
        return below + (above - below) * (load - left) / (LOAD_STEPS[right] - left)

    def _in_column(self, row: Sequence[float], replicas: int) -> float:
        if replicas <= self.counts[0]:
            return row[0]
        if replicas >= self.counts[-1]:
            return row[-1]
        return _between(self.counts, row, bisect_right(self.counts, replicas), replicas)

    def _each_more(self) -> float:
        """What a replica beyond the last column adds."""
        if len(self.counts) == 1:
            return self.rows[0] / self.counts[0]
        gained = self.rows[-1] - self.rows[-2]
        return max(0.0, gained / (self.counts[-1] - self.counts[-2]))


def _between(counts: Sequence[int], values: Sequence[float], right: int, at: int) -> float:
    left = right - 1
    share = (at - counts[left]) / (counts[right] - counts[left])
    return values[left] + share * (values[right] - values[left])


def trusted(speed: float) -> float:
    """As much of a correction (measured ÷ profiled) as is believed."""
    return max(_SPEEDS[0], min(speed, _SPEEDS[1]))


def capacity_of(profile: Profile) -> Capacity | None:
    """The tables of a profile; None where they are absurd: what they say is then not to be used.

    Absurd: not a finite number, negative, nothing at all, less with more replicas.
    """
    one, full = profile.capacity_rows_per_second, profile.throughput_rows_per_second
    if not _usable(one) or not _usable(full):
        return None
    rows = profile.capacity_table
    if not rows:
        return Capacity.single(one, full)
    rising = all(a <= b * (1 + _ROUNDING) for a, b in itertools.pairwise(rows))
    if len(rows) != len(CAPACITY_REPLICAS) or not all(map(_usable, rows)) or not rising:
        return None
    return Capacity(
        counts=CAPACITY_REPLICAS, rows=rows, full=full, answered=_unpacked(profile.answered_share)
    )


def _usable(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _unpacked(text: str) -> tuple[tuple[float, ...], ...]:
    """The shares of the text, or nothing where they are none."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        return ()
    width = len(CAPACITY_REPLICAS)
    if len(found) != width * len(LOAD_STEPS):
        return ()
    shares = [value / 255 for value in found]
    return tuple(tuple(shares[i : i + width]) for i in range(0, len(shares), width))
