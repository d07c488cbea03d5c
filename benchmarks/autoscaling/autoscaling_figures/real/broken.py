"""The faults that are made for real: when each holds, and what our side did. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_figures.rows import Figures, Row, row, target

from . import lives
from .answers import scored
from .recorded import Recorded
from .setting import OURS, SERVICES
from .sizing import Window

GROUP = "R.faults"
#: Seconds after a fault in which nothing may jump.
AFTER = 40.0
_BIN = 15.0
#: Shares of a replica's capacity: at first, then until the end; five replicas, then three.
_HIGH, _LOW = (1.6, 1.6, 0.6), 0.25
_HIGH_SECONDS = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """From ``begin`` to ``end``, seconds since the first request.

    ``blind``: the load cannot be known. ``own``: requests that fail then are the operator's doing.
    """

    name: str
    begin: float
    end: float
    blind: bool = False
    steady: bool = False
    own: bool = True


#: The load falls before the first: replicas would go down within it, and within the next two.
FAULTS = (
    Fault(name="answers empty", begin=200, end=320, blind=True, steady=True),
    Fault(name="pods' metrics blocked", begin=370, end=490, blind=True, steady=True),
    Fault(name="Prometheus stopped", begin=540, end=660, blind=True, steady=True),
    Fault(name="operator killed", begin=710, end=740, steady=True),
    Fault(name="quota cut to 4", begin=785, end=850),
    Fault(name="a node stopped", begin=880, end=940, own=False),
)
LONG = 1000.0

Mark = Mapping[str, Any]


def mark_of(name: str, began: float, ended: float) -> Mark:
    """When a fault really held, seconds since the first request."""
    return {"name": name, "began": began, "ended": ended}


def load(each: float, pace: float) -> Window:
    """Requests of all of it; ``each``: a second of a replica; ``pace``: times as long."""
    bins = round(pace * LONG / _BIN)
    high = round(pace * _HIGH_SECONDS / _BIN)
    rates = {
        name: [share * each * (1 if number < high else _LOW) for number in range(bins)]
        for name, share in zip(SERVICES, _HIGH, strict=True)
    }
    return Window(of=dict.fromkeys(SERVICES, "steady"), rates=rates, bin_seconds=_BIN)


def figures(found: Recorded) -> Figures:
    """Rows and targets."""
    side = found.sides[OURS]
    rows: list[Row] = []
    known = {fault.name: fault for fault in FAULTS}
    blind = jumps = failed = 0
    ends = [*(mark["began"] for mark in found.marks[1:]), found.seconds]
    for mark, end in zip(found.marks, ends, strict=True):
        fault = known[mark["name"]]
        began, ended = found.begin + mark["began"], found.begin + mark["ended"]
        before, during = lives.counts(side.lives, (began, ended))
        given_up = sum(began <= (life.leaving or 0.0) < ended for life in side.lives)
        # The next one is not its doing.
        after = min(mark["ended"] + AFTER, end)
        jump = _jump(side.lives, ended, found.begin + after)
        score = scored(side.answers, mark["began"], after, found.goal_ms)
        blind += given_up if fault.blind else 0
        jumps += jump if fault.steady else 0
        failed += score.failed if fault.own else 0
        rows += _rows(fault.name, {
            ("GPUs before", ""): before, ("at its end", ""): during, ("given up", ""): given_up,
            ("jump", ""): jump, ("failed", ""): score.failed,
            ("violations", "%"): 100 * score.missed,
        })  # fmt: skip
    return Figures(
        rows=tuple(rows),
        targets=(
            target(f"{GROUP}.blind", "replicas given up while blind, real", "==", 0, blind),
            target(
                f"{GROUP}.jump", "replicas more or fewer right after, metrics and operator",
                "==", 0, jumps,
            ),
            target(
                f"{GROUP}.failed", "requests that failed in faults, the stopped node's left out",
                "==", 0, failed,
            ),
        ),
    )  # fmt: skip


def _jump(found: Sequence[lives.Life], begin: float, end: float) -> int:
    """Replicas that are placed, or told to go, from ``begin`` until ``end``."""
    return sum(begin <= (at or 0.0) < end for life in found for at in (life.placed, life.leaving))


def _rows(of: str, values: Mapping[tuple[str, str], float]) -> list[Row]:
    """``values``: by (what, unit)."""
    return [row(GROUP, what, unit, [float(value)], of=of) for (what, unit), value in values.items()]
