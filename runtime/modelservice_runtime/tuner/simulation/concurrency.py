"""How many requests may be in flight at a setting within a goal, and what load is in a closed loop.

A client that waits for its answer offers what it is given: rates follow from how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, LOAD_STEPS

from .arrivals import Source
from .capacity import Goal, throughput
from .loads import in_flight
from .outcomes import Batching, Outcome
from .service_time import ServiceTime

#: Answers that a closed loop is judged by, and for a first look at it.
ANSWERS, FEW_ANSWERS = 8_000, 2_000
#: With so many times as many clients as could be answered within the goal on average, most are
#: late: no simulation is needed for it.
SURELY_LATE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``clients`` that keep the goal (0: not even one does), and what they see."""

    clients: int
    outcome: Outcome | None


def most_clients(
    service: ServiceTime,
    batching: Batching,
    source: Source,
    goal: Goal,
    wanted: int,
    *,
    answers: int = ANSWERS,
) -> Kept:
    """The largest closed loop of at most ``wanted`` clients that keeps the goal.

    None where a request does not fit into a batch: Triton refuses it.
    """
    if batching.max_batch < source.most_rows:
        return Kept(clients=0, outcome=None)
    found: dict[int, Outcome] = {}

    def keeps(clients: int) -> bool:
        outcome = in_flight(source, clients, answers).outcome(service, batching)
        if outcome.violations(goal.seconds) > goal.violations:
            return False
        found[clients] = outcome
        return True

    in_time = SURELY_LATE * goal.seconds * throughput(service, batching) / source.mean_rows
    bound = math.ceil(in_time) + 1
    most = wanted if wanted <= bound and keeps(wanted) else _last(keeps, min(wanted - 1, bound))
    return Kept(clients=most, outcome=found.get(most))


def _last(holds: Callable[[int], bool], bound: int) -> int:
    """The largest number up to ``bound`` of which it holds, if it does so for all smaller ones."""
    low, step = 0, 1
    while low + step <= bound and holds(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, bound + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def answered_share(
    service: ServiceTime,
    batching: Batching,
    source: Source,
    goal: Goal,
    clients: int,
    *,
    steps: Sequence[float] = LOAD_STEPS,
) -> tuple[tuple[float, ...], ...]:
    """Share answered in time for each load and count of replicas, with ``clients`` at each replica.

    A load is a share of what full batches give: the smallest closed loop that gets as many rows. A
    load above what ``clients`` get is that of as many times more of them. Whom the queue refuses
    would have been late.
    """
    known: dict[int, Outcome] = {}

    def outcome(many: int) -> Outcome:
        if many not in known:
            known[many] = in_flight(source, many, FEW_ANSWERS).outcome(service, batching)
        return known[many]

    full, most = throughput(service, batching), outcome(clients).rows_per_second

    def clients_of(rate: float) -> int:
        if rate >= most:
            return math.ceil(clients * rate / most)
        return 1 + _last(lambda many: outcome(many).rows_per_second < rate, clients - 1)

    shares = [1.0 - outcome(clients_of(step * full)).violations(goal.seconds) for step in steps]
    return tuple((share,) * len(CAPACITY_REPLICAS) for share in shares)
