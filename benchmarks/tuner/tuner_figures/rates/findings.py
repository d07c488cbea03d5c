"""Rates that held, and what was answered in time at common rates → rows and targets. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median

from bench_figures.rows import Figures, Row, Target, row, target

from tuner_figures.peers.modes import OURS
from tuner_figures.peers.picks import Pick
from tuner_figures.serving.settings import Setting

FIGURE = "T2"
#: For a goal at p99.
VIOLATIONS_MOST = 0.01
GAIN, BEHIND = 0.10, 0.02
#: Of the highest Poisson rate of our pick.
COMMON_SHARES = (0.8, 1.1)
#: As much more is the most that is said of one beside the other, if that one had nothing at all.
MOST_TIMES = 10.0

Named = Mapping[str, Setting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Of one model. ``highest``: (shape, setting) → by repeat, the highest rate that held.

    ``goodput``: (share of our highest rate, setting) → by round, answers in time a second.
    ``peer``: the search by Model Analyzer that ours is compared with.
    """

    model: str
    peer: str
    named: Named
    highest: Mapping[tuple[str, Setting], Sequence[float]]
    goodput: Mapping[tuple[float, Setting], Sequence[float]]

    def gains(self) -> dict[str, float]:
        """By shape: our highest rate ÷ that of Model Analyzer's pick, repeat by repeat."""
        ours, theirs = self.named.get(OURS), self.named.get(self.peer)
        if ours is None or theirs is None:
            return {}
        shapes = dict.fromkeys(shape for shape, _ in self.highest)
        return {s: _ratio(self.highest[s, ours], self.highest[s, theirs]) for s in shapes}

    def behind(self) -> float:
        """Our goodput ÷ that of whoever has the most there, at the rate where that is worst."""
        ours = self.named[OURS]
        return min(
            _ratio(self.goodput[share, ours], found) for (share, _), found in self.goodput.items()
        )


def usual(searches: Mapping[str, Sequence[Pick]]) -> dict[str, Setting]:
    """What each searcher picked most often; the first of those where several are as often."""
    named = {}
    for name, picks in searches.items():
        counts = Counter(pick.setting for pick in picks if pick.setting is not None)
        if counts:
            named[name] = counts.most_common(1)[0][0]
    return named


def common_rate(
    highest: Mapping[tuple[str, Setting], Sequence[float]], shape: str, ours: Setting
) -> float:
    """What everybody is asked at a share of: our highest rate; where none of ours held, the most.

    0 where nobody's held.
    """
    own = median(highest[shape, ours])
    return own or max(median(rates) for (name, _), rates in highest.items() if name == shape)


def figures(carried: Carried) -> Figures:
    """Of one model: a line for each searcher's usual pick."""
    group = f"{FIGURE}.{carried.model}"
    rows: list[Row] = []
    shapes = dict.fromkeys(shape for shape, _ in carried.highest)
    shares = dict.fromkeys(share for share, _ in carried.goodput)
    for name, setting in carried.named.items():
        of = f"{name}: {setting.words()}"
        rows += [
            row(group, f"{s}, most", "rows/s", carried.highest[s, setting], of) for s in shapes
        ]
        rows += [
            row(group, f"in time at {share:.0%}", "rows/s", carried.goodput[share, setting], of)
            for share in shares
        ]
    targets: list[Target] = []
    if OURS in carried.named and carried.goodput:
        words = "answers in time, our pick / whoever's most, at the worst of the common rates"
        targets = [target(f"{group}.goodput", words, ">=", 1 - BEHIND, carried.behind())]
    return Figures(rows=tuple(rows), targets=tuple(targets))


def together(all_carried: Sequence[Carried]) -> Figures:
    """Of all models: the gain over Model Analyzer's pick. Empty where one has none."""
    group = f"{FIGURE}.all"
    rows: list[Row] = []
    gains: list[float] = []
    for carried in all_carried:
        found = carried.gains()
        if not found:
            return Figures(rows=(), targets=())
        gains += found.values()
        rows += [row(group, shape, "", [gain], carried.model) for shape, gain in found.items()]
    gain = geometric_mean(gains)
    peers = ", ".join(dict.fromkeys(carried.peer for carried in all_carried))
    words = f"highest rates, our pick / Model Analyzer's ({peers}), geometric mean"
    return Figures(rows=tuple(rows), targets=(target(group, words, ">=", 1 + GAIN, gain),))


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median by repeat; 1 where neither has anything. Nothing counts as a tenth, or tenfold."""
    pairs = zip(ours, theirs, strict=True)
    return median(1.0 if one == other else _bounded(one, other) for one, other in pairs)


def _bounded(one: float, other: float) -> float:
    return min(MOST_TIMES, max(1 / MOST_TIMES, one / other if other else MOST_TIMES))
