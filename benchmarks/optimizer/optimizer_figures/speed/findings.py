"""What was measured → rows and targets of one case. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench_figures.rows import Figures, Row, Target, row, target

from .peers import EAGER, PICKED, SHIPPED, TITLES

FIGURE = "O1"
#: Within so much of the fastest stock recipe counts as equally fast.
EQUAL, NOT_FAR_BEHIND = 0.97, 0.90
#: Where the pruned CNN has to be, beside unpruned stock recipes; and MiniLM, beside eager.
PRUNED, STRICT = 2.5, 2.0
PRUNED_CASE, STRICT_CASE = "digits", "sentence-encoder-0.99"
#: What rows say of an engine, besides its milliseconds.
WITHIN, LOSS, LEFT_OUT = "within the goals", "loss", "left out: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One engine at the gate. ``reason``: one sentence.

    ``failure``: why it could not be made or run, or empty. ``loss``: of the metric, None where
    equality with the source model was enough. ``words``: which candidate it is, which precision.
    """

    engine: str
    within: bool = False
    reason: str = ""
    loss: float | None = None
    failure: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One case. ``times``: (engine, batch) → the median milliseconds of each round, in order.

    ``batch``: the tuned one, the manifest's largest.
    """

    case: str
    batch: int
    verdicts: Mapping[str, Verdict]
    times: Mapping[tuple[str, int], Sequence[float]]

    @property
    def ours(self) -> str:
        """What is served: what the tuning picked, if that is known, else the builder's choice."""
        return PICKED if PICKED in self.verdicts else SHIPPED

    @property
    def batches(self) -> tuple[int, ...]:
        """All that were timed, ascending."""
        return tuple(sorted({batch for _, batch in self.times}))

    def stock(self) -> list[str]:
        """The stock recipes within the goals."""
        return [
            name
            for name, verdict in self.verdicts.items()
            if name not in {SHIPPED, PICKED} and verdict.within
        ]

    def fastest(self, batch: int) -> str:
        """The fastest stock recipe within the goals; the source model always is."""
        return min(self.stock(), key=lambda name: median(self.times[name, batch]))

    def ratios(self, other: str, batch: int) -> list[float]:
        """Time of ``other`` ÷ ours, round by round: what slows a round slows both."""
        pairs = zip(self.times[other, batch], self.times[self.ours, batch], strict=True)
        return [theirs / max(ours, 1e-9) for theirs, ours in pairs]


def figures(found: Measured) -> Figures:
    """Rows of every engine, and the promises."""
    group = f"{FIGURE}.{found.case}"
    rows = [item for verdict in found.verdicts.values() for item in _rows(group, found, verdict)]
    rows += [_beside(group, found, batch) for batch in found.batches]
    return Figures(rows=tuple(rows), targets=tuple(_targets(group, found)))


def _rows(group: str, found: Measured, verdict: Verdict) -> list[Row]:
    name = _of(verdict)
    if verdict.failure:
        return [row(group, f"{LEFT_OUT}{verdict.failure}", "", [0.0], name)]
    rows = [
        row(group, f"batch {batch}", "ms", found.times[verdict.engine, batch], name)
        for batch in found.batches
    ]
    rows.append(row(group, WITHIN, "", [float(verdict.within)], name))
    if verdict.loss is not None:
        rows.append(row(group, LOSS, "", [verdict.loss], name))
    return rows


def _of(verdict: Verdict) -> str:
    title = TITLES[verdict.engine]
    return f"{title} ({verdict.words})" if verdict.words else title


def _beside(group: str, found: Measured, batch: int) -> Row:
    best = found.fastest(batch)
    words = f"speed beside {TITLES[best]}, the fastest within the goals, batch {batch}"
    return row(group, words, "", found.ratios(best, batch))


def _targets(group: str, found: Measured) -> list[Target]:
    ours, best = found.verdicts[found.ours], found.fastest(found.batch)
    at_tuned = median(found.ratios(best, found.batch))
    others = [batch for batch in found.batches if batch != found.batch]
    targets = [
        target(f"{group}.gate", f"{found.case}: what is shipped keeps the goals", "==", 1.0,
               float(ours.within)),
        target(f"{group}.tuned", f"{found.case}: speed at batch {found.batch} beside"
               f" {TITLES[best]}", ">=", EQUAL, at_tuned),
    ]  # fmt: skip
    if others:
        worst = min(median(found.ratios(found.fastest(batch), batch)) for batch in others)
        sizes = " and ".join(map(str, others))
        words = f"{found.case}: the same at batch {sizes}, the least"
        targets.append(target(f"{group}.others", words, ">=", NOT_FAR_BEHIND, worst))
    if found.case == PRUNED_CASE:
        words = f"{found.case}: pruned, beside the fastest unpruned stock recipe"
        targets.append(target(f"{group}.pruned", words, ">=", PRUNED, at_tuned))
    if found.case == STRICT_CASE:
        words = f"{found.case}: speed at batch {found.batch} beside eager, agreement of 0.99"
        beside_eager = median(found.ratios(EAGER, found.batch))
        targets.append(target(f"{group}.eager", words, ">=", STRICT, beside_eager))
    return targets
