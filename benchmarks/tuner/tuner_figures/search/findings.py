"""Searches and neutral readings → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench_figures.rows import Figures, Row, Target, row, target

from tuner_figures.peers.modes import OURS, QUICK
from tuner_figures.peers.picks import Pick
from tuner_figures.serving.settings import Setting

FIGURE = "T1"
#: What ours may find less than the best of all, and cost beside the quick search.
MARGIN, LOAD_SHARE, TIME_SHARE = 0.03, 0.5, 0.5
#: A short window's p99 that is beyond the goal by less may be within it in others.
UNTOLD = 1.25
SHARE, LOAD, TIME, RUNS = "of the best", "load", "in all", "runs"
ROWS, LATENCY, UNDER_WAY = "rows within the goal", "p99", "under way"

Searches = Mapping[str, Sequence[Pick]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One neutral window."""

    concurrency: int
    rows_per_second: float
    latency_ms: float

    def words(self) -> str:
        """``8 under way, 1149 rows/s, p99 42 ms``."""
        rows, latency = f"{self.rows_per_second:.1f} rows/s", f"p99 {self.latency_ms:.2f} ms"
        return f"{self.concurrency} under way, {rows}, {latency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A setting at the concurrency that is best for it within the goal.

    ``rows_per_second``, ``latencies_ms``: by round; ``within``: the median latency is; without that
    a setting has no score, whatever it answers.
    """

    concurrency: int
    rows_per_second: tuple[float, ...]
    latencies_ms: tuple[float, ...]
    within: bool

    @property
    def value(self) -> float:
        """Rows a second within the goal."""
        return median(self.rows_per_second) if self.within else 0.0

    @classmethod
    def of(cls, readings: Sequence[Reading], goal_ms: float) -> Score:
        """The best of its concurrencies; the least of them where none is within the goal."""
        by_concurrency: dict[int, list[Reading]] = {}
        for reading in readings:
            by_concurrency.setdefault(reading.concurrency, []).append(reading)
        made = [
            cls(
                concurrency=concurrency,
                rows_per_second=tuple(item.rows_per_second for item in found),
                latencies_ms=tuple(item.latency_ms for item in found),
                within=median(item.latency_ms for item in found) <= goal_ms,
            )
            for concurrency, found in sorted(by_concurrency.items(), reverse=True)
        ]
        return max(made, key=lambda score: (score.value, -score.concurrency))


def promising(readings: Sequence[Reading], goal_ms: float, count: int) -> tuple[int, ...]:
    """Concurrencies worth measuring well: of those within the goal the fastest, else the least.

    ``count`` of them. One is the fastest of those that miss the goal by so little that a short
    window does not tell, where there is such a one.
    """
    within = _fastest(reading for reading in readings if reading.latency_ms <= goal_ms)
    if not within:
        return (min(reading.concurrency for reading in readings),)
    beyond = _fastest(
        reading for reading in readings if goal_ms < reading.latency_ms <= UNTOLD * goal_ms
    )[: min(1, count - 1)]
    kept = [*within[: count - len(beyond)], *beyond]
    return tuple(sorted(reading.concurrency for reading in kept))


def _fastest(readings: Iterable[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda reading: -reading.rows_per_second)


def share(score: Score, best: Score) -> float:
    """Of the rows of ``best``, round by round: what slows a round slows both."""
    if not score.within or not best.within:
        return 0.0
    pairs = zip(score.rows_per_second, best.rows_per_second, strict=True)
    return median(one / other for one, other in pairs)


def figures(model: str, searches: Searches, scores: Mapping[Setting, Score]) -> Figures:
    """Of one model: a line for each search, and one for each setting that one of them picked.

    ``searches``: by name, ``OURS`` among them.
    """
    group = f"{FIGURE}.{model}"
    best = max(scores.values(), key=lambda score: score.value)
    rows: list[Row] = []
    for name, picks in searches.items():
        shares = [_share_of(pick, scores, best) for pick in picks]
        rows += [
            row(group, SHARE, "", shares, name),
            row(group, RUNS, "", [float(pick.runs) for pick in picks], name),
            row(group, LOAD, "s", [pick.load_seconds for pick in picks], name),
            row(group, TIME, "s", [pick.seconds for pick in picks], name),
        ]
    return Figures(
        rows=(*rows, *_setting_rows(group, searches, scores)),
        targets=_targets(group, searches, scores, best),
    )


def _share_of(pick: Pick, scores: Mapping[Setting, Score], best: Score) -> float:
    return 0.0 if pick.setting is None else share(scores[pick.setting], best)


def _setting_rows(
    group: str, searches: Searches, scores: Mapping[Setting, Score]
) -> tuple[Row, ...]:
    made: list[Row] = []
    for setting, score in sorted(scores.items(), key=lambda item: -item[1].value):
        name = f"{setting.words()}: {picked_by(searches, setting)}"
        made += [
            row(f"{group}.settings", ROWS, "rows/s", score.rows_per_second, name),
            row(f"{group}.settings", LATENCY, "ms", score.latencies_ms, name),
            row(f"{group}.settings", UNDER_WAY, "", [float(score.concurrency)], name),
        ]
    return tuple(made)


def picked_by(searches: Searches, setting: Setting) -> str:
    """``ours (5), quick (2)``."""
    counts = {name: sum(p.setting == setting for p in picks) for name, picks in searches.items()}
    return ", ".join(f"{name} ({count})" for name, count in counts.items() if count) or "nobody"


def _targets(
    group: str, searches: Searches, scores: Mapping[Setting, Score], best: Score
) -> tuple[Target, ...]:
    """Nothing is said of the cost of searches that found nothing, nor beside none."""
    ours = searches[OURS]
    found = median(_share_of(pick, scores, best) for pick in ours)
    words = f"rows/s of our pick / of the best pick ({', '.join(searches)})"
    targets = [target(f"{group}.found", words, ">=", 1 - MARGIN, found)]
    quick = searches.get(QUICK.name, ())
    pairs = [pair for pair in zip(ours, quick, strict=False) if pair[0].setting is not None]
    if pairs:
        load = median(one.load_seconds / max(other.load_seconds, 1e-9) for one, other in pairs)
        time = median(one.seconds / max(other.seconds, 1e-9) for one, other in pairs)
        targets += [
            target(f"{group}.load", "seconds of load, ours / quick", "<=", LOAD_SHARE, load),
            target(f"{group}.time", "seconds in all, ours / quick", "<=", TIME_SHARE, time),
        ]
    return tuple(targets)
