"""perf_analyzer's profile export → every request's time of sending and its latency. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from .parsing import OutputUnreadableError

_NANOSECONDS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """``at_ns``: on the load generator's clock, ascending; ``latency_ms``: in the same order."""

    at_ns: np.ndarray
    latency_ms: np.ndarray


def parse_export(text: str | bytes) -> Sent:
    """All requests of all experiments in the export.

    Raises:
        OutputUnreadableError: it is no such export, or no request has an answer.
    """
    try:
        experiments = json.loads(text)["experiments"]
        pairs = [
            (int(request["timestamp"]), int(request["response_timestamps"][-1]))
            for experiment in experiments
            for request in experiment["requests"]
            if request["response_timestamps"]
        ]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise OutputUnreadableError(f"perf_analyzer's export cannot be read: {error!r}") from error
    if not pairs:
        raise OutputUnreadableError("perf_analyzer's export has no answered request")
    times = np.array(sorted(pairs), dtype=np.int64)
    at, answered = times[:, 0], times[:, 1]
    return Sent(at_ns=at, latency_ms=(answered - at) / _NANOSECONDS)
