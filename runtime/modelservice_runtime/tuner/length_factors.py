"""How service times follow the length of requests: a few measured lengths, and the rest between.

Curves are measured with requests of one length. What other lengths take beside it is measured for
one option of a variant, and holds for its other options as a ratio. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.contract.traffic import Traffic

from .simulation.by_length import ByLength, between
from .simulation.service_time import ServiceTime
from .statistics import Counters, total


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFactors:
    """``rows``: length → time ÷ that of the curve's length, at each of ``batches``."""

    batches: tuple[int, ...]
    rows: Mapping[int, tuple[float, ...]]


def unmeasured(curve_length: int) -> LengthFactors:
    """As if every length took what the curve's does."""
    return LengthFactors(batches=(1,), rows={curve_length: (1.0,)})


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthRuns:
    """What was counted of requests of one length: ``lone`` ones, and under ``full`` load."""

    lone: Sequence[Counters]
    full: Sequence[Counters]


def factors_of(
    base: ServiceTime, curve_length: int, seen: Mapping[int, LengthRuns], sizes: tuple[int, int]
) -> LengthFactors:
    """From runs of one length each.

    ``base``: of the option that was loaded. ``sizes``: rows of a lone request, and of a full batch.
    A length of which nothing was seen is left out.
    """
    batches = tuple(dict.fromkeys(sizes))
    rows = {curve_length: (1.0,) * len(batches)}
    for length, both in seen.items():
        lone = _ratio(both.lone, base, together=1.0)
        # Under full load all instances execute, and slow each other down.
        full = _ratio(both.full, base, together=base.contention[-1])
        known = [ratio for ratio in (lone, full) if ratio is not None]
        if known:
            rows[length] = (known[0], known[-1])[: len(batches)]
    return LengthFactors(batches=batches, rows=rows)


def _ratio(windows: Sequence[Counters], base: ServiceTime, together: float) -> float | None:
    """Time spent ÷ what the curve says of as many executions; None where there are none."""
    executions = total(windows).executions
    expected = sum(number * base.of(size) for size, (number, _) in executions.items()) * together
    if expected <= 0:
        return None
    return sum(spent for _, spent in executions.values()) / 1e9 / expected


def by_length(factors: LengthFactors, traffic: Traffic, *, padded: bool) -> ByLength | None:
    """For the simulation; None where all requests have one length."""
    shares = sorted(traffic.lengths, key=lambda share: share.length)
    if len(shares) < 2:  # noqa: PLR2004 - one is what the curve was measured with
        return None
    lengths = tuple(share.length for share in shares)
    total = sum(share.percent for share in shares)
    known = {length: np.array(row) for length, row in factors.rows.items()}
    return ByLength(
        lengths=lengths,
        shares=tuple(share.percent / total for share in shares),
        batches=factors.batches,
        factors=between(lengths, known),
        padded=padded,
        rows=traffic.mean_rows,
    )
