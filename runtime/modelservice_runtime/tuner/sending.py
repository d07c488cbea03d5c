"""A run's requests as they were really sent, where that is known one by one. Pure."""

from __future__ import annotations

import numpy as np

from .parsing import Measurement
from .simulation.arrivals import Requests


def as_sent(measured: Measurement, first: float = 0.0) -> tuple[Requests, np.ndarray]:
    """Its requests in the order of sending, the first one at ``first`` seconds, and the latencies.

    Milliseconds, in the same order. Only for a measurement that has ``sent_ns``.
    """
    times = np.array(measured.sent_ns, dtype=np.int64)
    order = np.argsort(times, kind="stable")
    lengths = np.array(measured.sent_lengths, dtype=np.int64)
    requests = Requests(
        arrival=(times[order] - times.min()) / 1e9 + first,
        rows=np.array(measured.sent_rows, dtype=np.int64)[order],
        level=np.zeros(len(order), dtype=np.int64),
        length=lengths[order] if lengths.any() else None,
    )
    return requests, np.array(measured.latencies_ms)[order]
