"""How much to prune: a search for the largest ratio that keeps the metric. Pure."""

from __future__ import annotations

from collections.abc import Mapping

FIRST_RATIOS = (0.3, 0.5, 0.7)
#: Each one is a training.
MOST_MODELS = 6
#: Ratios nearer than this are not worth another one.
STEP = 0.05
_ROUNDING = 1e-9
#: Hardly anything is left beyond.
LARGEST = 0.95


def next_ratios(tried: Mapping[float, bool]) -> tuple[float, ...]:
    """The next ratios to try, or none. ``tried``: ratio → whether the metric is kept there.

    Halves the way between the largest ratio that keeps it and the smallest above that does not;
    0 keeps it, ``LARGEST`` is the end. With it comes the one that would be next if it is kept:
    two trainings side by side take little longer than one.
    """
    if not tried:
        return ()
    low = max((ratio for ratio, keeps in tried.items() if keeps), default=0.0)
    failed = (ratio for ratio, keeps in tried.items() if ratio > low and not keeps)
    high = min(failed, default=LARGEST)
    middle = round((low + high) / 2, 2)
    wanted: list[float] = []
    for ratio in (middle, round((middle + high) / 2, 2)):
        if any(abs(ratio - other) < STEP - _ROUNDING for other in (*tried, *wanted, 0.0)):
            break
        wanted.append(ratio)
    return tuple(wanted[: max(0, MOST_MODELS - len(tried))])
