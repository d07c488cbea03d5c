"""How much of the search each variant of the artifact gets. Pure.

The builder's choice is searched whole. Each other variant is tried at the batch size that is best
so far: beside the best it shows there what it is worth, for a few seconds. If it comes near,
batch sizes next to that one are tried, as long as they gain; then it takes part in what follows
(other instances and threads, the last runs in turns) like any setting.
"""

from __future__ import annotations

from collections.abc import Sequence

from .capacity import figure
from .choice import NEAR_ROWS, NOISE_SHARE, Loaded, batch_sizes, merged


def best_batch(loaded: Sequence[Loaded], goal_ms: float) -> int:
    """The batch size of what answers most rows within the goal; 1 where nothing keeps it."""
    within = [point for point in loaded if point.latency_ms <= goal_ms]
    if not within:
        return 1
    return max(within, key=lambda point: point.rows_per_second).setting.max_batch_size


def next_batch(
    own: Sequence[Loaded], others: Sequence[Loaded], maximum: int, goal_ms: float
) -> int | None:
    """The batch size to try next with a variant; None where no other one is worth it.

    ``own``: its runs so far in order, at least one; ``others``: of all other variants.
    """
    last, sizes = own[-1], batch_sizes(maximum)
    rows = [point.rows_per_second for point in others if point.latency_ms <= goal_ms]
    if last.rows_per_second < NEAR_ROWS * max(rows, default=0.0):
        return None
    if len(own) > 1 and not _gained(own, goal_ms):
        return None
    place = sizes.index(last.setting.max_batch_size)
    step = 1 if last.latency_ms <= goal_ms else -1
    if not 0 <= place + step < len(sizes):
        return None
    size = sizes[place + step]
    return None if size in {point.setting.max_batch_size for point in own} else size


def _gained(own: Sequence[Loaded], goal_ms: float) -> bool:
    """Whether the last step was one in the right direction."""
    before, last = own[-2:]
    if before.latency_ms > goal_ms:
        return last.latency_ms < before.latency_ms
    return last.rows_per_second > before.rows_per_second * (1 + NOISE_SHARE)


def compared(loaded: Sequence[Loaded], goal_ms: float, percentile: float) -> str:
    """The best of each variant in words; empty where there is only one.

    ``variants within p99 ≤ 50 ms: int8 410 rows/s, fuse 230 rows/s, bf16 none``.
    """
    points = merged(loaded)
    names = dict.fromkeys(point.setting.variant for point in points)
    if len(names) < 2:  # noqa: PLR2004 - one has nobody to be compared with
        return ""
    within = [point for point in points if point.latency_ms <= goal_ms]
    best = {
        name: max((p.rows_per_second for p in within if p.setting.variant == name), default=0.0)
        for name in names
    }
    ranked = sorted(best.items(), key=lambda item: -item[1])
    words = [f"{name} {figure(rows)} rows/s" if rows else f"{name} none" for name, rows in ranked]
    return f"variants within p{percentile:g} ≤ {goal_ms:g} ms: {', '.join(words)}"
