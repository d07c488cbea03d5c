"""Which setting serves: a pure choice over what was measured.

The rule: of the settings whose latency at the objective's percentile, measured closed-loop at
twice the rows that the setting can hold, is within the objective, the one that answers most
rows; of those within 1 % of it the one with the smaller batch, then fewer instances. Where none
keeps it under that load, batch 1 with one instance of the variant that is fastest alone is taken
if a lone request keeps it: its capacity is then found at a lower rate. Where not even a lone
request does, the same serves, and the objective is missed.

One short run says little of a percentile, and what else runs on the machine disturbs some of
them: those that might be the best are measured in turns, three times each, and medians count.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

#: Differences below this are not worth a larger batch.
NOISE_SHARE = 0.01
#: Settings so near to the best, or to the goal, are measured once more before the choice.
NEAR_ROWS = 0.7
NEAR_GOAL = 1.5
FINALISTS = 3
#: Runs of each finalist, the first one included: one that is disturbed does not move the median.
RUNS = 3
#: A lone finalist whose latency is beyond this share of the goal is measured again all the same.
CLEARLY_WITHIN = 0.8
#: Other numbers of instances and threads are tried with so many of the best batch sizes.
BATCHES_TRIED_AGAIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPoint:
    """Latency of a request of ``batch`` rows with nothing else going on, milliseconds."""

    batch: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is searched. ``variant``: of the artifact; ``threads``: of each instance's engine."""

    variant: str
    max_batch_size: int
    instances: int
    threads: int

    @property
    def concurrency(self) -> int:
        """Requests of one row that keep every instance in full batches, as many waiting."""
        return 2 * self.max_batch_size * self.instances

    def words(self) -> str:
        """``int8, batch 8, 2 instances, 1 thread each``."""
        many = "instance" if self.instances == 1 else "instances"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        start = f"{self.variant}, batch {self.max_batch_size}"
        return f"{start}, {self.instances} {many}, {threads} each"


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
    """(instances, threads) to try: one instance with all cores first, then one per core."""
    cores = max(1, int(cpu))
    return ((1, 1),) if cores == 1 else ((1, cores), (cores, 1), (1, 1))


def alternatives(cpu: float, loaded: Sequence[Loaded], goal_ms: float) -> tuple[Setting, ...]:
    """Other instances and threads for what did best with the first option.

    That is the best batch sizes over all variants, and the best one of each variant that is near
    to the best: which is faster with one instance may be slower with several.
    """
    within = [point for point in loaded if point.latency_ms <= goal_ms]
    ranked = sorted(within or loaded[:1], key=lambda point: -point.rows_per_second)
    near = [
        point for point in ranked if point.rows_per_second >= NEAR_ROWS * ranked[0].rows_per_second
    ]
    leaders = {point.setting.variant: point.setting for point in reversed(near)}
    best = [point.setting for point in ranked[:BATCHES_TRIED_AGAIN]]
    settings = dict.fromkeys([*best, *reversed(leaders.values())])
    return tuple(
        replace(setting, instances=instances, threads=threads)
        for instances, threads in instance_options(cpu)[1:]
        for setting in settings
    )


def finalists(loaded: Sequence[Loaded], goal_ms: float) -> tuple[Setting, ...]:
    """What to measure in the next round: all that might be the best; empty when it is decided.

    A setting is judged here by the best of its runs, so that a disturbed one does not end it.
    """
    runs = _by_setting(loaded)
    hopes = [
        Loaded(
            setting=setting,
            rows_per_second=max(point.rows_per_second for point in points),
            latency_ms=min(point.latency_ms for point in points),
        )
        for setting, points in runs.items()
    ]
    rows = [point.rows_per_second for point in hopes if point.latency_ms <= goal_ms]
    near = [
        point
        for point in hopes
        if point.latency_ms <= goal_ms * NEAR_GOAL
        and point.rows_per_second >= NEAR_ROWS * max(rows, default=0.0)
    ]
    if len(near) == 1 and near[0].latency_ms <= goal_ms * CLEARLY_WITHIN:
        return ()  # chosen in any case
    near.sort(key=lambda point: -point.rows_per_second)
    known = (point.setting for point in near[:FINALISTS])
    return tuple(setting for setting in known if len(runs[setting]) < RUNS)


def merged(loaded: Iterable[Loaded]) -> tuple[Loaded, ...]:
    """One figure for each setting, the median of its runs, in the order first measured."""
    return tuple(
        Loaded(
            setting=setting,
            rows_per_second=median(point.rows_per_second for point in points),
            latency_ms=median(point.latency_ms for point in points),
        )
        for setting, points in _by_setting(loaded).items()
    )


def _by_setting(loaded: Iterable[Loaded]) -> dict[Setting, list[Loaded]]:
    runs: dict[Setting, list[Loaded]] = {}
    for point in loaded:
        runs.setdefault(point.setting, []).append(point)
    return runs


def choose(
    loaded: Sequence[Loaded], alone_ms: Mapping[str, float], goal_ms: float, percentile: float
) -> Choice:
    """The setting to serve with, by the rule in the module's docstring.

    ``loaded``: at least one. ``alone_ms``: latency of a lone request of one row, by variant; of
    each that is in ``loaded``.
    """
    points = merged(loaded)
    within = [point for point in points if point.latency_ms <= goal_ms]
    goal = f"p{percentile:g} ≤ {goal_ms:g} ms"
    if within:
        best = _most(within)
        why = f"{best.setting.words()}: most rows of {len(points)} settings within {goal}"
        return Choice(setting=best.setting, rows_per_second=best.rows_per_second, met=True, why=why)
    smallest = min(
        points,
        key=lambda p: (
            alone_ms[p.setting.variant],
            p.setting.max_batch_size,
            p.setting.instances,
        ),
    )
    rows, setting = smallest.rows_per_second, smallest.setting
    alone = alone_ms[setting.variant]
    if alone <= goal_ms:
        why = f"{setting.words()}: only lone requests keep {goal} ({alone:.1f} ms)"
        return Choice(setting=setting, rows_per_second=rows, met=True, why=why)
    why = (
        f"{goal} cannot be kept: a lone request takes {alone:.1f} ms;"
        f" {setting.words()} serves as fast as it can"
    )
    return Choice(setting=setting, rows_per_second=rows, met=False, why=why)


def _most(points: Sequence[Loaded]) -> Loaded:
    top = max(point.rows_per_second for point in points)
    near = [point for point in points if point.rows_per_second >= top * (1 - NOISE_SHARE)]
    return min(near, key=lambda p: (p.setting.max_batch_size, p.setting.instances))


def falling(curve: Sequence[LatencyPoint]) -> str:
    """Where a larger batch took less time than a smaller one, in words; empty if nowhere."""
    pairs = itertools.pairwise(curve)
    odd = [f"{b.batch} rows faster than {a.batch}" for a, b in pairs if b.p50_ms < a.p50_ms]
    return f"the latency curve is not monotone ({', '.join(odd)})" if odd else ""


def queue_timeout_microseconds(goal_ms: float, batch_ms: float) -> int:
    """How long a request may wait so that it can still be answered in time; at least 1 µs."""
    return max(1, int((goal_ms - batch_ms) * 1000))
