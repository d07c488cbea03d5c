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
OPEN_SHARES = (0.5, 0.8)
ROWS, MEDIAN, TAIL = "rows per second", "p50", "p99"
#: Median errors over the configurations, as shares.
ALLOWED: Mapping[str, float] = {ROWS: 0.05, MEDIAN: 0.05, TAIL: 0.15}
LEAST_RANK, MOST_REGRET = 0.95, 0.03
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

    ``found``: by ``RAW`` … ``ITSELF``. ``fitted``: it was calibrated on this one.
    """

    setting: Setting
    share: float
    measured: Seen
    found: Mapping[str, Seen]
    fitted: bool = False

    def errors(self, of: str) -> dict[str, float]:
        """By value, as a share of what was measured; below zero where it says too little."""
        measured = self.measured.values()
        return {name: value / measured[name] - 1 for name, value in self.found[of].values().items()}


def settings(batch: int) -> tuple[Setting, ...]:
    """Ten: three ways to use two cores at three batches, and single rows on two instances."""
    batches = tuple(dict.fromkeys((max(1, batch // 4), max(1, batch // 2), batch)))
    options = ((1, 1), (2, 1), (1, 2))
    made = [Setting(batch=b, instances=i, threads=t) for i, t in options for b in batches]
    return (*made, Setting(batch=1, instances=2, threads=1))


def is_fitted(setting: Setting, share: float, largest: int) -> bool:
    """One configuration of each way: the largest batch at the higher rate, as a tuning does it."""
    return setting.batch == largest and share == max(OPEN_SHARES)


def figures(model: str, compared: Sequence[Compared]) -> Figures:
    """Of one model: median errors over what nothing was calibrated on; ranks; regret."""
    group, scored = f"{FIGURE}.{model}", [item for item in compared if not item.fitted]
    rows: list[Row] = []
    for of in (CALIBRATED, RAW, ITSELF):
        for name in ALLOWED:
            values = [100 * abs(error) for error in errors(scored, of, name)]
            rows.append(row(group, f"{name}, off by", "%", values, of))
        rows.append(row(group, "rank correlation", "", [rank(scored, of)], of))
        rows.append(row(group, "regret", "%", [100 * regret(compared, of)], of))
    rows += _bias(group, scored)
    targets = [
        target(
            f"{group}.{name.split()[0]}",
            f"median error of {name}, simulated and calibrated",
            "<=",
            limit,
            median(abs(error) for error in errors(scored, CALIBRATED, name)),
        )
        for name, limit in ALLOWED.items()
    ]
    targets += [
        target(f"{group}.rank", "rank correlation", ">=", LEAST_RANK, rank(scored, CALIBRATED)),
        target(f"{group}.regret", "regret", "<=", MOST_REGRET, regret(compared, CALIBRATED)),
    ]
    return Figures(rows=tuple(rows), targets=tuple(targets))


def errors(compared: Sequence[Compared], of: str, name: str) -> list[float]:
    """As shares; rows per second in closed loops alone: at a rate all that is sent is answered."""
    return [item.errors(of)[name] for item in compared if name != ROWS or not item.share]


def _bias(group: str, scored: Sequence[Compared]) -> list[Row]:
    """Which way the simulation errs."""
    return [
        row(group, f"{name}, too much by", "%", [100 * x for x in errors(scored, of, name)], of)
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
