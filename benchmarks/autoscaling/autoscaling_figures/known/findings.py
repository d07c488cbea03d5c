"""P: what the peers did, beside what they are known to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures, Row, Target, row, target


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """``within``: changes of an HPA at constant load within its tolerance.

    ``keda_first``, ``keda_least``: seconds from the first empty answer until KEDA's HPA goes down,
    and until it is at its minimum. ``overshoot``: of a queue-depth recipe after a step, peak ÷
    needed. ``panic``, ``persistent``: seconds after a surge until KPA and Ray Serve want more.
    """

    within: int
    keda_first: float
    keda_least: float
    overshoot: float
    panic: float
    persistent: float


def figures(found: Sequence[Seen]) -> Figures:
    """Rows and targets, each for the worst seed."""
    rows: list[Row] = []
    targets: list[Target] = []

    def say(
        word: str, what: str, unit: str, values: list[float], *bounds: tuple[str, float]
    ) -> None:
        rows.append(row(f"P.{word}", what, unit, values, of=what))
        for op, limit in bounds:
            value = max(values) if op in {"<=", "=="} else min(values)
            side = {"<=": "most", ">=": "least", "==": "most"}[op]
            targets.append(target(f"P.{word}.{side}", what, op, limit, value))

    say("hpa", "changes of HPA at constant load, 5 % below its target", "", [
        float(one.within) for one in found
    ], ("==", 0))  # fmt: skip
    say("keda", "seconds until KEDA goes down, all answers empty", "s", [
        one.keda_first for one in found
    ], (">=", 285), ("<=", 345))  # fmt: skip
    say("keda-minimum", "seconds until KEDA is at its minimum", "s", [
        one.keda_least for one in found
    ], ("<=", 345))  # fmt: skip
    say("depth", "queue depth as metric, step to 100 requests/s: peak / needed", "", [
        one.overshoot for one in found
    ], (">=", 5))  # fmt: skip
    say("kpa", "seconds until KPA wants more, load ten times as high", "s", [
        one.panic for one in found
    ], ("<=", 10))  # fmt: skip
    say("ray", "seconds until Ray Serve wants more: upscale delay 30 s", "s", [
        one.persistent for one in found
    ], (">=", 30), ("<=", 60))  # fmt: skip
    return Figures(rows=tuple(rows), targets=tuple(targets))
