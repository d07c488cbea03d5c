"""The settings that are compared, and the comparison. Pure; both sides of the measuring read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

HAND_BATCHES = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Setting:
    """What Triton is given, and with it the load: closed loop, single rows."""

    batch: int
    instances: int
    threads: int

    @property
    def concurrency(self) -> int:
        """Rows under way: full batches in every instance, and as many waiting."""
        return 2 * self.batch * self.instances

    def words(self) -> str:
        """``batch 8 x 1``: with one instance."""
        return f"batch {self.batch} x {self.instances}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One run of one setting in one round. ``rate``: of an open loop; 0 where it was closed."""

    round: int
    setting: Setting
    rows_per_second: float
    p99_ms: float
    rate: float = 0.0


def from_status(tuning: Mapping[str, Any]) -> Setting:
    """The setting that the operator tuned, from ``status.tuning``."""
    return Setting(
        batch=int(tuning["maxBatchSize"]),
        instances=int(tuning["instances"]),
        threads=int(tuning["threads"]),
    )


def by_hand(threads: int) -> list[Setting]:
    """What one would set without measuring: one instance, a power of two."""
    return [Setting(batch=batch, instances=1, threads=threads) for batch in HAND_BATCHES]


def order(settings: Iterable[Setting], number: int) -> list[Setting]:
    """Each setting once, beginning with another one in every round."""
    known = sorted(set(settings))
    start = number % len(known)
    return known[start:] + known[:start]


def of(readings: Iterable[Reading], setting: Setting) -> dict[int, Reading]:
    """The closed-loop readings of one setting, by round."""
    return {item.round: item for item in readings if item.setting == setting and not item.rate}


def best(
    readings: Sequence[Reading], candidates: Iterable[Setting], goal_ms: float
) -> Setting | None:
    """The candidate with most rows (median) of those whose median p99 is within the goal."""
    rows: dict[Setting, float] = {}
    for setting in candidates:
        found = of(readings, setting).values()
        if found and median(item.p99_ms for item in found) <= goal_ms:
            rows[setting] = median(item.rows_per_second for item in found)
    return max(rows, key=lambda setting: rows[setting], default=None)


def ratios(readings: Sequence[Reading], ours: Setting, other: Setting) -> list[float]:
    """Rows of ``ours`` per row of ``other``, round by round: what slows a round slows both."""
    one, two = of(readings, ours), of(readings, other)
    return [
        one[number].rows_per_second / two[number].rows_per_second
        for number in sorted(one.keys() & two.keys())
    ]


def cores(quantity: str) -> float:
    """A CPU limit as Kubernetes writes it: ``1`` or ``1500m``."""
    if quantity.endswith("m"):
        return int(quantity.removesuffix("m")) / 1000
    return float(quantity)
