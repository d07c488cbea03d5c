"""What is written down: rows (measured values with their spread) and targets. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

#: How a measured value is compared with what was promised.
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
}
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured. ``group``: what is measured together; ``value``: the median.

    ``low``, ``high``: the least and the most of ``runs`` values. ``date``, ``machine``: of the
    measuring.
    ``of``: what was measured, where ``what`` is measured of many things: the line of a table in
    which ``what`` is the column.
    """

    group: str
    what: str
    unit: str
    value: float
    low: float
    high: float
    runs: int
    date: str = ""
    of: str = ""
    machine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was promised, ``value op target``. ``id``: its group, or ``<group>.<word>``."""

    id: str
    what: str
    op: str
    target: float
    value: float

    def holds(self) -> bool:
        """Whether the promise was kept."""
        return OPERATORS[self.op](self.value, self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one measuring gives."""

    rows: tuple[Row, ...]
    targets: tuple[Target, ...]


def row(group: str, what: str, unit: str, values: Sequence[float], of: str = "") -> Row:
    """The row of ``values`` (at least one)."""
    return Row(
        group=group,
        what=what,
        unit=unit,
        value=rounded(median(values)),
        low=rounded(min(values)),
        high=rounded(max(values)),
        runs=len(values),
        of=of,
    )


def target(identifier: str, what: str, op: str, limit: float, value: float) -> Target:
    """A target, with what was measured."""
    return Target(id=identifier, what=what, op=op, target=limit, value=rounded(value))


def rounded(value: float) -> float:
    """Four significant digits, or all that stand before the point."""
    return float(f"{value:.{_DIGITS}g}") if abs(value) < 10**_DIGITS else float(round(value))


def group_of(identifier: str, groups: Sequence[str]) -> str:
    """The group that a target belongs to: ``F3.cpu`` → ``F3``; empty if it is not there."""
    found = [g for g in groups if identifier == g or identifier.startswith(f"{g}.")]
    return max(found, key=len, default="")
