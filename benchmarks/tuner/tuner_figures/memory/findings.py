"""Predicted beside measured → rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures, Row, row, target

from tuner_figures.serving.settings import Setting

FIGURE = "T5"
#: Never too little, and not much too much.
LEAST, MOST = 0.0, 0.20
PREDICTED, MEASURED, ERROR = "predicted", "measured", "too much by"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """``peak``: the most that was measured, ``plan``: what was predicted, bytes."""

    setting: Setting
    peak: int
    plan: int

    @property
    def error(self) -> float:
        """As a share of what was measured; below zero where it was too little."""
        return self.plan / self.peak - 1


def asked(batch: int) -> tuple[Setting, ...]:
    """Twelve settings: one to three instances at three batches, and at the largest two threads."""
    batches = tuple(dict.fromkeys((max(1, batch // 4), max(1, batch // 2), batch)))
    return (
        *(Setting(batch=b, instances=i, threads=1) for i in (1, 2, 3) for b in batches),
        *(Setting(batch=batch, instances=i, threads=2) for i in (1, 2, 3)),
    )


def shown(batch: int) -> tuple[Setting, ...]:
    """What a tuning sees at least: one instance with single rows, and with its largest batch."""
    return tuple(Setting(batch=b, instances=1, threads=1) for b in dict.fromkeys((1, batch)))


def figures(model: str, planned: Sequence[Planned]) -> Figures:
    """Of one model: a line for each setting."""
    group = f"{FIGURE}.{model}"
    rows: list[Row] = []
    for item in planned:
        name = item.setting.words()
        rows += [
            row(group, PREDICTED, "MiB", [item.plan / _MIB], name),
            row(group, MEASURED, "MiB", [item.peak / _MIB], name),
            row(group, ERROR, "%", [100 * item.error], name),
        ]
    errors = [item.error for item in planned]
    return Figures(
        rows=tuple(rows),
        targets=(
            target(f"{group}.least", "least (predicted / measured - 1)", ">=", LEAST, min(errors)),
            target(f"{group}.most", "most (predicted / measured - 1)", "<=", MOST, max(errors)),
        ),
    )
