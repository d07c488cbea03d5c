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
    """The next ratio to try, or none. ``tried``: ratio → whether the metric is kept there.

    Halves the way between the largest ratio that keeps it and the smallest above that does not;
    0 keeps it, ``LARGEST`` is the end.
    """
    if not tried or len(tried) >= MOST_MODELS:
        return ()
    low = max((ratio for ratio, keeps in tried.items() if keeps), default=0.0)
    failed = (ratio for ratio, keeps in tried.items() if ratio > low and not keeps)
    middle = round((low + min(failed, default=LARGEST)) / 2, 2)
    near = any(abs(middle - ratio) < STEP - _ROUNDING for ratio in (*tried, 0.0))
    return () if near else (middle,)
