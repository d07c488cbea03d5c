"""Which setting serves: a pure choice over what was measured.

The rule: of the settings whose latency at the objective's percentile, measured closed-loop at
twice the rows that the setting can hold, is within the objective, the one that answers most
rows; of those within 3 % of it the one with the smaller batch, then fewer instances. Where none
keeps it under that load, batch 1 with one instance is taken if a lone request keeps it: its
capacity is then found at a lower rate. Where not even a lone request does, the fastest for a
lone request serves, and the objective is missed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.profile import LatencyPoint

#: Differences below this are noise on the machines that this was tried on.
NOISE_SHARE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is searched. ``threads``: of each instance's engine."""

    max_batch_size: int
    instances: int
    threads: int

    def words(self) -> str:
        """``batch 8, 2 instances, 1 thread each``."""
        many = "instance" if self.instances == 1 else "instances"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"batch {self.max_batch_size}, {self.instances} {many}, {threads} each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One setting under closed-loop load: rows per second, latency at the percentile."""

    setting: Setting
    rows_per_second: float
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The setting to serve with. ``met``: the objective can be kept; ``why`` in words."""

    setting: Setting
    rows_per_second: float
    met: bool
    why: str


def batch_sizes(maximum: int) -> tuple[int, ...]:
    """1, 2, 4 … and the maximum itself."""
    sizes = [1]
    while sizes[-1] * 2 < maximum:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes) if maximum == 1 else (*sizes, maximum)


def instance_options(cpu: float) -> tuple[tuple[int, int], ...]:
    """(instances, threads) to try: one instance with all cores, one instance per core."""
    cores = max(1, int(cpu))
    return ((1, 1),) if cores == 1 else ((1, cores), (cores, 1))


def choose(
    loaded: Sequence[Loaded], curve: Sequence[LatencyPoint], goal_ms: float, percentile: float
) -> Choice:
    """The setting to serve with, by the rule in the module's docstring.

    ``curve``: latency of lone requests by batch size; its first point is batch 1.
    """
    within = [point for point in loaded if point.latency_ms <= goal_ms]
    goal = f"p{percentile:g} ≤ {goal_ms:g} ms"
    if within:
        best = _most(within)
        why = f"{best.setting.words()}: most rows of {len(loaded)} settings within {goal}"
        return Choice(setting=best.setting, rows_per_second=best.rows_per_second, met=True, why=why)
    smallest = min(loaded, key=lambda p: (p.setting.max_batch_size, p.setting.instances))
    alone = curve[0].p99_ms
    rows = smallest.rows_per_second
    if alone <= goal_ms:
        why = f"{smallest.setting.words()}: only lone requests keep {goal} ({alone:.1f} ms)"
        return Choice(setting=smallest.setting, rows_per_second=rows, met=True, why=why)
    why = (
        f"{goal} cannot be kept: a lone request takes {alone:.1f} ms;"
        f" {smallest.setting.words()} serves as fast as it can"
    )
    return Choice(setting=smallest.setting, rows_per_second=rows, met=False, why=why)


def _most(points: Iterable[Loaded]) -> Loaded:
    known = list(points)
    top = max(point.rows_per_second for point in known)
    near = [point for point in known if point.rows_per_second >= top * (1 - NOISE_SHARE)]
    return min(near, key=lambda p: (p.setting.max_batch_size, p.setting.instances))


def falling(curve: Sequence[LatencyPoint]) -> str:
    """Where a larger batch took less time than a smaller one, in words; empty if nowhere."""
    pairs = itertools.pairwise(curve)
    odd = [f"{b.batch} rows faster than {a.batch}" for a, b in pairs if b.p50_ms < a.p50_ms]
    return f"the latency curve is not monotone ({', '.join(odd)})" if odd else ""


def queue_timeout_microseconds(goal_ms: float, batch_ms: float) -> int:
    """How long a request may wait so that it can still be answered in time; at least 1 µs."""
    return max(1, int((goal_ms - batch_ms) * 1000))
