"""From findings to rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench_figures.rows import Figures, Row, Target, row, target

from .findings import Finding, Precision, Refusals
from .kinds import MILD as MEANT_MILD
from .kinds import SEVERE as MEANT_SEVERE

SEVERE, LIMIT, MILD, BETWEEN, PRECISION, BF16 = (
    "O2.severe",
    "O2.limit",
    "O2.mild",
    "O2.between",
    "O2.precision",
    "O2.bf16",
)
#: What is really lost ÷ what the goal allows, from where on and up to where it counts.
TWICE, HALF = 2.0, 0.5
KINDS_LEAST, THROUGH_MOST, REFUSED_MOST_PERCENT, ROWS_LEAST = 12, 1, 5.0, 10_000
_ALL = "**all**"
_GATE, _ESTIMATE, _TOLERANCE, _AITUNE = "gate", "point estimate", "tolerance", "AITune's check"


def figures(findings: Sequence[Finding], precision: Precision) -> Figures:
    """Everything that is written down of O2.

    Harmful and harmless is what really costs so much or so little, whatever it was meant to be.
    """
    harmful = [f for f in findings if f.strength == MEANT_SEVERE and f.share >= TWICE]
    harmless = [f for f in findings if f.strength == MEANT_MILD and f.share <= HALF]
    between = [f for f in findings if f not in harmful and f not in harmless]
    return Figures(
        rows=(
            *_rows(SEVERE, harmful, _severe),
            *_rows(LIMIT, [f for f in harmful if f.limit is not None], _limit),
            *_rows(MILD, harmless, _mild),
            *_rows(BETWEEN, between, lambda _: {}),
            *_precision_rows(precision),
        ),
        targets=(
            *_severe_targets(harmful),
            *_mild_targets(harmless),
            *_precision_targets(precision),
        ),
    )


def _rows(
    group: str,
    findings: Sequence[Finding],
    counts: Callable[[Finding], Mapping[str, int]],
) -> list[Row]:
    """Each finding's loss, samples and counts; below them the sums of the counts."""
    found: list[Row] = []
    sums: dict[str, int] = {}
    for item in findings:
        of = f"{item.kind} ({item.example})"
        if group != LIMIT:
            found.append(row(group, "lost / goal", "", [item.share], of=of))
        if group != BETWEEN:
            found.append(row(group, "samples", "", _judged(group, item).sizes, of=of))
        for what, count in counts(item).items():
            found.append(row(group, what, "", [count], of=of))
            sums[what] = sums.get(what, 0) + count
    return [*found, *(row(group, what, "", [total], of=_ALL) for what, total in sums.items())]


def _judged(group: str, item: Finding) -> Refusals:
    if group == LIMIT and item.limit is not None:
        return item.limit
    return item.judged


def _severe(item: Finding) -> Mapping[str, int]:
    few = item.few or item.judged
    return {
        "trials": item.judged.trials,
        _GATE: item.judged.gate,
        _ESTIMATE: item.judged.estimate,
        _TOLERANCE: item.judged.tolerance,
        _AITUNE: item.judged.aitune,
        f"{few.sizes[0]} samples: {_GATE}": few.gate,
        f"{few.sizes[0]} samples: {_ESTIMATE}": few.estimate,
    }


def _limit(item: Finding) -> Mapping[str, int]:
    at_limit = _judged(LIMIT, item)
    return {
        "trials": at_limit.trials,
        _GATE: at_limit.gate,
        _ESTIMATE: at_limit.estimate,
    }


def _mild(item: Finding) -> Mapping[str, int]:
    return {
        "trials": item.judged.trials,
        _GATE: item.judged.gate,
        "of these *fails*": item.judged.failed,
        _ESTIMATE: item.judged.estimate,
        _TOLERANCE: item.judged.tolerance,
        _AITUNE: item.judged.aitune,
    }


def _precision_rows(precision: Precision) -> list[Row]:
    found = [
        row(PRECISION, "refused", "", [bool(why)], of=way) for way, why in precision.ways.items()
    ]
    values = {
        "declared": {"largest difference": precision.asserted_difference},
        "silent bf16": {
            "largest difference": precision.silent_difference,
            "lost / goal": precision.silent_drop / precision.goal,
        },
    }
    for of, cells in values.items():
        found += [row(BF16, what, "", [value], of=of) for what, value in cells.items()]
    return found


def _severe_targets(harmful: Sequence[Finding]) -> list[Target]:
    if not harmful:
        return []
    trials = sum(item.judged.trials for item in harmful)
    through = trials - sum(item.judged.gate for item in harmful)
    worst = min(harmful, key=lambda item: item.judged.gate)
    seeds = worst.judged.trials
    rows = min(item.rows for item in harmful)
    return [
        target(f"{SEVERE}.kinds", "kinds of fault that lose at least twice the goal",
               ">=", KINDS_LEAST, len(harmful)),
        target(f"{SEVERE}.through", f"let through, of {trials}", "<=", THROUGH_MOST, through),
        target(f"{SEVERE}.kind", f"caught of {seeds} in the kind with fewest", ">=", seeds - 1,
               worst.judged.gate),
        target(f"{SEVERE}.truth", "rows by which the loss is known, at least",
               ">=", ROWS_LEAST, rows),
    ]  # fmt: skip


def _mild_targets(harmless: Sequence[Finding]) -> list[Target]:
    if not harmless:
        return []
    trials = sum(item.judged.trials for item in harmless)
    refused = sum(item.judged.gate for item in harmless)
    words = f"refused of {trials} that lose at most half of the goal, %"
    percent = 100 * refused / trials
    return [target(f"{MILD}.refused", words, "<=", REFUSED_MOST_PERCENT, percent)]


def _precision_targets(precision: Precision) -> list[Target]:
    refused, ways = sum(map(bool, precision.ways.values())), len(precision.ways)
    words = "ways to silent bf16 that are refused"
    return [target(f"{PRECISION}.refused", words, "==", ways, refused)]
