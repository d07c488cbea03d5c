"""Reads what the real runs left, replays it, draws it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from bench_figures.rows import Figures

from autoscaling_figures.bench import SEEDS, Bench
from autoscaling_figures.runs.running import Run

from . import broken, lives, picture, recorded
from .answers import scored, violates
from .findings import NAMES, Pair, Replay, Seen, figures
from .recorded import Recorded
from .replaying import Times, replayed
from .setting import SERVICES

#: Of the runs by minute.
_MINUTE = 60.0
_PAGE = "windows.html"


def measure(bench: Bench) -> Iterator[Figures]:
    """All windows together.

    Raises:
        FileNotFoundError: nothing was recorded.
    """
    paths = sorted(bench.runs.glob("window-*.json")) if bench.runs else []
    if not paths:
        raise FileNotFoundError(f"no recorded window in {bench.runs}")
    windows = [recorded.loads(path.read_text(encoding="utf-8")) for path in paths]
    times = _times(windows)
    pairs = []
    for number, window in enumerate(windows, start=1):
        bench.say(f"R: window {number}, replayed")
        sides = {name: _seen(window, name, times, SEEDS) for name in NAMES}
        pairs.append(Pair(name=f"{number}", sides=sides))
    page = picture.page([(_title(window), window.window, _runs(window)) for window in windows])
    (paths[0].parent / _PAGE).write_text(page, encoding="utf-8")
    yield figures(pairs)
    faults = paths[0].parent / recorded.FAULTS_FILE
    if faults.is_file():
        yield broken.figures(recorded.loads(faults.read_text(encoding="utf-8")))


def _times(windows: Sequence[Recorded]) -> Times:
    """Of all pods of both sides: the same image on the same nodes."""
    found = [life for window in windows for side in window.sides.values() for life in side.lives]
    return Times(starts=lives.starts(found), drains=lives.drains(found))


def _seen(window: Recorded, name: str, times: Times, seeds: Sequence[int]) -> Seen:
    side = window.sides[name]
    begin, end = window.begin + window.lead, window.begin + window.seconds
    shares = [
        scored(
            [item for item in side.answers if item.service == service],
            window.lead, window.seconds, window.goal_ms,
        ).missed
        for service in SERVICES
    ]  # fmt: skip
    return Seen(
        score=scored(side.answers, window.lead, window.seconds, window.goal_ms),
        seconds=lives.held(side.lives, begin, end),
        starts=sum(begin <= (life.placed or 0.0) < end for life in side.lives),
        worst=max(shares),
        replays=[_replay(window, name, times, seed) for seed in seeds],
    )


def _replay(window: Recorded, name: str, times: Times, seed: int) -> Replay:
    first = round(window.lead / _MINUTE)
    runs = replayed(window, name, times, seed).values()
    offered = sum(float(run.offered[first:].sum()) for run in runs)
    violations = sum(float(run.violations[first:].sum()) for run in runs)
    return Replay(
        missed=violations / max(1.0, offered),
        seconds=sum(float(run.seconds[first:].sum()) for run in runs),
    )


def _runs(window: Recorded) -> Mapping[str, Mapping[str, Run]]:
    """By service, then by side; all services together come first, as ``all``."""
    groups = {"all three": SERVICES, **{name: (name,) for name in SERVICES}}
    return {
        group: {words: _run(window, side, services) for side, words in NAMES.items()}
        for group, services in groups.items()
    }


def _run(window: Recorded, name: str, services: Sequence[str]) -> Run:
    side = window.sides[name]
    minutes = math.ceil(window.seconds / _MINUTE)
    offered, violations = np.zeros(minutes), np.zeros(minutes)
    for item in side.answers:
        if item.service in services:
            offered[int(item.at / _MINUTE)] += 1
            violations[int(item.at / _MINUTE)] += violates(item, window.goal_ms)
    kept = [life for life in side.lives if life.service in services]
    seconds = [
        lives.held(
            kept,
            window.begin + _MINUTE * number,
            window.begin + min(window.seconds, _MINUTE * (number + 1)),
        )
        for number in range(minutes)
    ]
    return Run(offered=offered, violations=violations, seconds=np.array(seconds))


def _title(window: Recorded) -> str:
    return ", ".join(f"{name}: {of}" for name, of in window.window.of.items())
