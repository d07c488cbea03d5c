"""How many requests are answered in time at the chosen setting, by load and replicas. Pure."""

from __future__ import annotations

import math

from .knobs import Decided
from .outcome import Tuned
from .search import batching_of
from .simulation import capacity, concurrency

#: A row for each of ``LOAD_STEPS``, a column for each of ``CAPACITY_REPLICAS``.
Shares = tuple[tuple[float, ...], ...]


def answered_shares(tuned: Tuned, decided: Decided) -> Shares:
    """Simulated, under the declared traffic: what the profile and the report show."""
    candidate, question = tuned.capacity.candidate, tuned.question
    timeout = decided.queue_timeout_microseconds / 1e6 or math.inf
    batching = batching_of(candidate.setting).limited(timeout)
    given = candidate.service, batching, question.source, question.goal
    if question.clients:
        return concurrency.answered_share(*given, question.clients)
    return capacity.answered_share(*given)
