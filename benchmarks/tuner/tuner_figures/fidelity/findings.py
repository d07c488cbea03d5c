"""Simulated beside measured, and measured twice → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench_figures.rows import Figures, Row, row, target

from tuner_figures.serving.settings import Setting

FIGURE = "T4"
CLOSED = "closed loop"
#: Shares of what a setting answers in a closed loop, at random times.
LOW, HIGH = 0.5, 0.8
ROWS, MEDIAN, TAIL = "rows per second", "p50", "p99"
#: Median errors over the configurations, as shares.
ALLOWED: Mapping[str, float] = {ROWS: 0.05, MEDIAN: 0.05, TAIL: 0.15}
LEAST_RANK, MOST_REGRET = 0.95, 0.03
#: A setting and a share: see ``Compared``.
Key = tuple[Setting, float]
RAW, CALIBRATED, ITSELF = "simulated", "simulated, calibrated", "measured again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Of one configuration, measured or simulated."""

    rows_per_second: float
    p50_ms: float
    p99_ms: float

    def values(self) -> dict[str, float]:
        """By name."""
        return {ROWS: self.rows_per_second, MEDIAN: self.p50_ms, TAIL: self.p99_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``share``: of the closed loop's rows at which requests were sent, 0 for the closed loop.

    ``found``: by ``RAW`` … ``ITSELF``; ``requests``: that were measured.
    """

    setting: Setting
    share: float
    measured: Seen
    found: Mapping[str, Seen]
    requests: int = 0

    def errors(self, of: str) -> dict[str, float]:
        """By value, as a share of what was measured; below zero where it says too little."""
        measured = self.measured.values()
        return {name: value / measured[name] - 1 for name, value in self.found[of].values().items()}


def configurations(batch: int) -> tuple[Key, ...]:
    """Ten: three ways to use two cores in closed loops, and each of them once at random times."""
    quarter, half = max(1, batch // 4), max(1, batch // 2)
    closed = [(b, 1, 1) for b in (quarter, batch)]
    closed += [(b, 2, 1) for b in (1, half, batch)]
    closed += [(b, 1, 2) for b in (quarter, batch)]
    at_rates = [(quarter, 1, 1, HIGH), (half, 2, 1, LOW), (quarter, 1, 2, HIGH)]
    return (
        *((Setting(batch=b, instances=i, threads=t), 0.0) for b, i, t in closed),
        *((Setting(batch=b, instances=i, threads=t), share) for b, i, t, share in at_rates),
    )


def calibrating(batch: int) -> tuple[Key, ...]:
    """One of each way and kind of load, as a tuning for that load does it. Not scored.

    At a rate the largest batch, in a closed loop one between those that are scored.
    """
    ways = ((1, 1, batch // 2), (2, 1, batch // 4), (1, 2, batch // 2))
    return (
        *((Setting(batch=batch, instances=i, threads=t), HIGH) for i, t, _ in ways),
        *((Setting(batch=max(1, b), instances=i, threads=t), 0.0) for i, t, b in ways),
    )


def figures(model: str, compared: Sequence[Compared]) -> Figures:
    """Of one model: median errors; ranks; regret."""
    group = f"{FIGURE}.{model}"
    rows: list[Row] = []
    for of in (CALIBRATED, RAW, ITSELF):
        for name in ALLOWED:
            values = [100 * abs(error) for error in errors(compared, of, name)]
            rows.append(row(group, f"{name}, off by", "%", values, of))
        rows.append(row(group, "rank correlation", "", [rank(compared, of)], of))
        rows.append(row(group, "regret", "%", [100 * regret(compared, of)], of))
    rows += _bias(group, compared)
    rows.append(row(group, "requests", "", [float(item.requests) for item in compared], ITSELF))
    targets = [
        target(
            f"{group}.{name.split()[0]}",
            f"median error of {name}, simulated and calibrated",
            "<=",
            limit,
            median(abs(error) for error in errors(compared, CALIBRATED, name)),
        )
        for name, limit in ALLOWED.items()
    ]
    targets += [
        target(f"{group}.rank", "rank correlation", ">=", LEAST_RANK, rank(compared, CALIBRATED)),
        target(f"{group}.regret", "regret", "<=", MOST_REGRET, regret(compared, CALIBRATED)),
    ]
    return Figures(rows=tuple(rows), targets=tuple(targets))


def errors(compared: Sequence[Compared], of: str, name: str) -> list[float]:
    """As shares; rows per second in closed loops alone: at a rate all that is sent is answered."""
    return [item.errors(of)[name] for item in compared if name != ROWS or not item.share]


def _bias(group: str, compared: Sequence[Compared]) -> list[Row]:
    """Which way the simulation errs."""
    return [
        row(group, f"{name}, too much by", "%", [100 * x for x in errors(compared, of, name)], of)
        for of in (CALIBRATED, RAW, ITSELF)
        for name in ALLOWED
    ]


def rank(compared: Sequence[Compared], of: str) -> float:
    """Spearman's correlation of the closed loops' rows per second."""
    closed = [item for item in compared if not item.share]
    return spearman(
        [item.measured.rows_per_second for item in closed],
        [item.found[of].rows_per_second for item in closed],
    )


def regret(compared: Sequence[Compared], of: str) -> float:
    """What is lost by taking the setting that ``of`` puts first, in measured rows per second."""
    closed = [item for item in compared if not item.share]
    first = max(closed, key=lambda item: item.found[of].rows_per_second)
    best = max(item.measured.rows_per_second for item in closed)
    return 1 - first.measured.rows_per_second / best


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Correlation of the ranks, equal values sharing theirs; 0 where all are equal."""
    a, b = _ranks(one), _ranks(other)
    mean = (len(a) + 1) / 2
    covariance = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    spread = sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)
    return covariance / spread**0.5 if spread else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(v) + (ordered.count(v) + 1) / 2 for v in values]
