"""A measured closed loop without its beginning and its end. Pure.

All clients send their first request at once, and in the end nobody waits any more: between them as
many are in flight as there are clients, unless the load generator needs time of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .parsing import Measurement
from .runs import Kind
from .statistics import Counters, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """``measurement``: of the part that counts. ``in_flight``: on average; NaN: unknown."""

    measurement: Measurement
    in_flight: float


def steady(
    measured: Measurement, by_kind: Mapping[Kind, int], windows: Sequence[Counters]
) -> Steady:
    """``by_kind``: clients by kind of request. ``windows``: what Triton counted meanwhile.

    Where latencies are not known one by one, percentiles are of the whole run and rows are those
    that Triton counted.
    """
    bounds = _bounds(measured, by_kind)
    if bounds is None:
        inner = total(windows[1:-1] or windows)
        rate = inner.rows / inner.at if inner.at > 0 and inner.rows else measured.rows_per_second
        return Steady(measurement=replace(measured, rows_per_second=rate), in_flight=np.nan)
    begin, end = bounds
    sent, milliseconds = np.array(measured.sent_ns), np.array(measured.latencies_ms)
    rows = np.array(measured.sent_rows)
    answered = sent + milliseconds * 1e6
    together = np.clip(np.minimum(answered, end) - np.maximum(sent, begin), 0.0, None).sum()
    in_flight = float(together / (end - begin))
    kept = (sent >= begin) & (sent <= end)
    # Little's law: clients ÷ latency, whether they come in bursts or one by one.
    seconds_of_a_row = milliseconds[kept].sum() / 1e3 / rows[kept].sum()
    return Steady(
        measurement=replace(
            measured,
            rows_per_second=in_flight / seconds_of_a_row,
            requests=int(kept.sum()),
            latencies_ms=tuple(milliseconds[kept].tolist()),
            sent_ns=tuple(sent[kept].tolist()),
            sent_rows=tuple(rows[kept].tolist()),
            sent_lengths=tuple(np.array(measured.sent_lengths)[kept].tolist())
            if measured.sent_lengths
            else (),
        ),
        in_flight=in_flight,
    )


def _bounds(measured: Measurement, by_kind: Mapping[Kind, int]) -> tuple[int, int] | None:
    """(from, until) on the generator's clock: all have sent their second request, none its last."""
    if not measured.sent_ns:
        return None
    sent, rows = np.array(measured.sent_ns), np.array(measured.sent_rows)
    lengths = np.array(measured.sent_lengths or np.zeros_like(rows))
    begins, ends = [], []
    for (size, length), clients in by_kind.items():
        times = np.sort(sent[(rows == size) & (lengths == length)])
        if len(times) <= clients:
            return None
        begins.append(int(times[clients]))
        ends.append(int(times[-1]))
    return (max(begins), min(ends)) if max(begins) < min(ends) else None
