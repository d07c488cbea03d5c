"""D: what a round takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench_figures.rows import Figures, row, target

#: (services, GPUs)
SIZES = ((50, 64), (1000, 1280))
#: Milliseconds that are promised.
LIMITS = {50: 50.0, 1000: 2000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Of each round."""

    seconds: Sequence[float]


def figures(timed: Mapping[int, Timed], kept: tuple[float, float]) -> Figures:
    """Rows and targets. ``kept``: bytes remembered, the most in each half of a day."""
    early, late = kept
    rows = [
        row(
            "D",
            "milliseconds of a round",
            "ms",
            [1e3 * s for s in item.seconds],
            of=f"{count} services",
        )
        for count, item in timed.items()
    ]
    rows.append(
        row(
            "D.memory", "memory, second half of a day / first", "", [late / early], of="one service"
        )
    )
    targets = [
        target(f"D.{count}", f"milliseconds of a round for {count} services", "<=", LIMITS[count],
               1e3 * median(item.seconds))
        for count, item in timed.items()
    ]  # fmt: skip
    targets.append(
        target("D.memory", "memory, second half of a day / first", "<=", 1.05, late / early)
    )
    return Figures(rows=tuple(rows), targets=tuple(targets))
