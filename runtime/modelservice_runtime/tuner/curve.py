"""From windows of Triton's own counters to the time of an execution by batch size. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .statistics import Counters, total

#: A batch size with fewer executions than this in all windows says too little.
LEAST_EXECUTIONS = 3
#: Two-sided, 95 %.
_Z = 1.96
#: The mean is known well enough to decide when its interval is this narrow to each side …
TIGHT_SHARE = 0.05
#: … and what the machine does to the windows is worth a word beyond this.
NOISY_SHARE = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Mean time of an execution of ``batch`` rows, with its 95 % interval, milliseconds."""

    batch: int
    milliseconds: float
    low_ms: float
    high_ms: float
    executions: int


def points(parts: Sequence[Counters]) -> tuple[CurvePoint, ...]:
    """One point for each batch size that occurred often enough; smallest first.

    The interval comes from how the windows' means scatter around the mean of all.
    """
    everything = total(parts)
    sizes = sorted(
        size for size, (number, _) in everything.executions.items() if number >= LEAST_EXECUTIONS
    )
    return tuple(_point(size, parts) for size in sizes)


def _point(size: int, parts: Sequence[Counters]) -> CurvePoint:
    pairs = [part.executions[size] for part in parts if size in part.executions]
    number = sum(count for count, _ in pairs)
    mean = sum(spent for _, spent in pairs) / number
    # Windows count by their executions: the variance of a ratio of sums.
    scatter = math.fsum((spent - mean * count) ** 2 for count, spent in pairs)
    many = len(pairs)
    error = math.sqrt(scatter * many / max(1, many - 1)) / number if many > 1 else mean
    half = _Z * error
    return CurvePoint(
        batch=size,
        milliseconds=mean / 1e6,
        low_ms=max(0.0, mean - half) / 1e6,
        high_ms=(mean + half) / 1e6,
        executions=number,
    )


def rising(raw: Sequence[CurvePoint]) -> tuple[tuple[int, float], ...]:
    """(batch, milliseconds) that never fall: neighbours that do are pooled by their executions."""
    blocks: list[list[float]] = []  # milliseconds, weight, how many points
    for point in raw:
        blocks.append([point.milliseconds, float(point.executions), 1.0])
        while len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]:
            time, weight, many = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + time * weight) / (before[1] + weight)
            before[1] += weight
            before[2] += many
    values = [time for time, _, many in blocks for _ in range(int(many))]
    return tuple((point.batch, value) for point, value in zip(raw, values, strict=True))


def falling(raw: Sequence[CurvePoint]) -> str:
    """Where a larger batch surely took less time than a smaller one; empty if nowhere."""
    odd = [
        f"{b.batch} rows faster than {a.batch}"
        for a, b in itertools.pairwise(raw)
        if b.high_ms < a.low_ms
    ]
    return f"the latency curve is not monotone ({', '.join(odd)})" if odd else ""


def is_tight(raw: Sequence[CurvePoint]) -> bool:
    """Whether the sizes that took most of the time are known well enough to decide."""
    return bool(raw) and _width(raw) <= TIGHT_SHARE


def _width(raw: Sequence[CurvePoint]) -> float:
    """Half of the interval as a share of the mean, over all sizes by the time spent in them."""
    spent = [point.milliseconds * point.executions for point in raw]
    shares = [(point.high_ms - point.milliseconds) / point.milliseconds for point in raw]
    # Errors of different sizes are independent: their squares add up.
    squares = math.fsum((part * share) ** 2 for part, share in zip(spent, shares, strict=True))
    return math.sqrt(squares) / math.fsum(spent)


def noise(parts: Sequence[Counters]) -> float:
    """How much the windows' speeds scatter beside what batch sizes explain: a share of the mean.

    Of each window the time that it took, divided by what its executions take on average.
    """
    known = {point.batch: point.milliseconds for point in points(parts)}
    ratios = []
    for part in parts:
        sizes = [size for size in part.executions if size in known]
        expected = sum(part.executions[size][0] * known[size] for size in sizes)
        spent = sum(part.executions[size][1] for size in sizes) / 1e6
        if expected > 0:
            ratios.append(spent / expected)
    if len(ratios) < 2:  # noqa: PLR2004 - one value does not scatter
        return 0.0
    mean = math.fsum(ratios) / len(ratios)
    return math.sqrt(math.fsum((r - mean) ** 2 for r in ratios) / (len(ratios) - 1)) / mean


def gap_ms(parts: Sequence[Counters], instances: int) -> float | None:
    """Time for each row in which an instance with work to do does not execute; None: not seen.

    ``parts``: windows in which it had; the median over them, since the load may start late and end
    early in some.
    """
    gaps = [
        max(0.0, instances * part.at * 1e3 - part.busy_ns / 1e6) / part.rows
        for part in parts
        if part.rows > 0
    ]
    return median(gaps) if gaps else None
