"""How service times follow the length of requests: a few measured lengths, and the rest between.

Curves are measured with requests of one length. What other lengths take beside it is measured for
one option of a variant, and holds for its other options as a ratio. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.contract.traffic import Traffic

from . import curve
from .settings import batch_sizes
from .simulation.by_length import ByLength, between
from .simulation.service_time import ServiceTime
from .statistics import Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFactors:
    """``rows``: length → time ÷ that of the curve's length, at each of ``batches``."""

    batches: tuple[int, ...]
    rows: Mapping[int, tuple[float, ...]]


def unmeasured(curve_length: int) -> LengthFactors:
    """As if every length took what the curve's does."""
    return LengthFactors(batches=(1,), rows={curve_length: (1.0,)})


def factors_of(
    base: ServiceTime, curve_length: int, seen: Mapping[int, Sequence[Counters]], largest: int
) -> LengthFactors:
    """From what was counted in runs of one length each, at batch sizes up to ``largest``.

    ``base``: of the option that was loaded. A length of which too little was seen is left out.
    """
    batches = batch_sizes(largest)
    rows = {curve_length: (1.0,) * len(batches)}
    for length, windows in seen.items():
        rising = curve.rising(curve.points(windows))
        if rising:
            own = ServiceTime(
                batches=tuple(batch for batch, _ in rising),
                seconds=tuple(ms / 1000 for _, ms in rising),
            )
            ratios = own.table(largest)[1:] / base.table(largest)[1:]
            rows[length] = tuple(float(ratios[batch - 1]) for batch in batches)
    return LengthFactors(batches=batches, rows=rows)


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
