"""R and V: what the real runs gave, and what the simulator says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures, Row, Target, row, target

from .answers import Score
from .setting import HPA, OURS

NAMES = {OURS: "ours", HPA: "HPA 70 %"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Of one seed: share of violations, GPU-seconds."""

    missed: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One side in one window. ``seconds``: GPU-seconds; ``starts``: replicas that were placed.

    ``worst``: the worst service's share of violations.
    """

    score: Score
    seconds: float
    starts: int
    worst: float
    replays: Sequence[Replay] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One window of both."""

    name: str
    sides: dict[str, Seen]


def figures(pairs: Sequence[Pair]) -> Figures:
    """Rows and targets."""
    rows: list[Row] = []
    for pair in pairs:
        for side, seen in pair.sides.items():
            rows += _rows(seen, f"{pair.name}: {NAMES[side]}")
    for pair in pairs:
        for side, seen in pair.sides.items():
            rows += _replayed(seen, f"{pair.name}: {NAMES[side]}")
    return Figures(rows=tuple(rows), targets=(*_beside(pairs), *_valid(pairs)))


def _rows(seen: Seen, of: str) -> list[Row]:
    score = seen.score
    values: Sequence[tuple[str, str, float]] = (
        ("violations", "%", 100 * score.missed),
        ("worst service", "%", 100 * seen.worst),
        ("refused", "", score.refused),
        ("too late", "", score.late),
        ("failed", "", score.failed),
        ("of", "", score.requests),
        ("GPU-seconds", "", seen.seconds),
        ("starts", "", seen.starts),
        ("sent late", "%", 100 * score.behind / max(1, score.requests)),
    )
    return [row("R", what, unit, [float(value)], of=of) for what, unit, value in values]


def _replayed(seen: Seen, of: str) -> list[Row]:
    if not seen.replays:
        return []
    missed = [100 * one.missed for one in seen.replays]
    seconds = [one.seconds for one in seen.replays]
    return [
        row("V", "violations, real", "%", [100 * seen.score.missed], of=of),
        row("V", "simulated", "%", missed, of=of),
        row("V", "GPU-seconds, real", "", [seen.seconds], of=of),
        row("V", "simulated too", "", seconds, of=of),
    ]


def _beside(pairs: Sequence[Pair]) -> Sequence[Target]:
    violations = {side: sum(pair.sides[side].score.violations for pair in pairs) for side in NAMES}
    seconds = {side: sum(pair.sides[side].seconds for pair in pairs) for side in NAMES}
    failed = sum(pair.sides[OURS].score.failed for pair in pairs)
    return (
        target(
            "R.violations", "violating requests, ours / HPA 70 %, real", "<=", 1.0,
            violations[OURS] / max(1, violations[HPA]),
        ),
        target(
            "R.seconds", "GPU-seconds, ours / HPA 70 %, real", "<=", 1.0,
            seconds[OURS] / max(1e-9, seconds[HPA]),
        ),
        target("R.failed", "requests of ours that failed, refusals left out", "==", 0, failed),
    )  # fmt: skip


def _valid(pairs: Sequence[Pair]) -> Sequence[Target]:
    """Of the windows together, for the side that the simulator knows less of."""
    if not all(pair.sides[side].replays for pair in pairs for side in NAMES):
        return ()
    points = max(abs(_simulated_missed(pairs, side) - _missed(pairs, side)) for side in NAMES)
    shares = [
        abs(_simulated_seconds(pairs, side) / sum(p.sides[side].seconds for p in pairs) - 1)
        for side in NAMES
    ]
    return (
        target("V.violations", "points of violations, simulated beside real", "<=", 1.0,
               100 * points),
        target("V.seconds", "GPU-seconds, simulated beside real: difference / real", "<=", 0.05,
               max(shares)),
    )  # fmt: skip


def _missed(pairs: Sequence[Pair], side: str) -> float:
    scores = [pair.sides[side].score for pair in pairs]
    return sum(one.violations for one in scores) / max(1, sum(one.requests for one in scores))


def _simulated_missed(pairs: Sequence[Pair], side: str) -> float:
    seen = [pair.sides[side] for pair in pairs]
    requests = sum(one.score.requests for one in seen)
    return sum(_mean(r.missed for r in one.replays) * one.score.requests for one in seen) / max(
        1, requests
    )


def _simulated_seconds(pairs: Sequence[Pair], side: str) -> float:
    return sum(_mean(r.seconds for r in pair.sides[side].replays) for pair in pairs)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
