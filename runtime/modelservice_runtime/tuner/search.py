"""Every setting simulated, and which of them are worth a measurement. Pure.

The rule: the setting that carries most rows a second within the goal; of a closed loop, one that
keeps the goal with all clients before any that does with fewer, unless fewer will do. Where a rate
is expected of the service, the one that serves it with the fewest replicas, and of those the one
with the least memory. More threads than the replica has cores have to carry a tenth more to count
as much. Settings within 3 % of the best are as good: those that keep the goal at light loads too,
though a limit on waiting makes Triton overlook requests, then the fewer instances, which cost most
memory, the smaller batch and the shorter delay are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .question import Question
from .settings import Option, Setting, batch_sizes, delays_microseconds
from .simulation.capacity import carried, longest_wait, throughput
from .simulation.concurrency import ANSWERS, FEW_ANSWERS, most_clients
from .simulation.outcomes import Batching, Outcome, open_loop
from .simulation.service_time import ServiceTime

#: Differences below this are not worth an instance more, or a larger batch.
NOISE_SHARE = 0.03
#: What threads beyond the cores seem to carry and do not, once the server wants its share of them.
OVERSUBSCRIBED_SHARE = 0.10
#: For a first look at all settings; the best of them are looked at again with more.
FEW_REQUESTS, FEW_STEPS = 4_000, 7
LOOKED_AT_AGAIN = 24
#: Shares of what full batches give at which an instance is often, and the queue seldom, busy.
LIGHT_LOADS = (0.02, 0.05, 0.1, 0.2)
#: What is measured: so many, of those within this share of the best.
FINALISTS = 3
NEAR_SHARE = 0.15
#: One more of those within this share that leave a core to the server, where none of them does.
SPARE_SHARE = 0.4
#: After a round of measurements, what carries less than this of the best is out.
CLEARLY_BEHIND = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One simulated setting.

    ``rows_per_second``: that it carries within the goal, 0 where it keeps it at no rate.
    ``latency_ms``: at the goal's percentile at that rate. ``throughput``: with full batches.
    ``clients``: of a closed loop, the most (of those asked for) that keep the goal; that is the
    rate then. ``memory_bytes``: predicted; ``misfit``: why it may not be applied, or empty.
    ``overlooked``: with the limit on waiting, the largest share that misses the goal at light
    loads; 0 where it was not looked at.
    """

    setting: Setting
    service: ServiceTime
    rows_per_second: float
    latency_ms: float
    throughput: float
    clients: int = 0
    memory_bytes: int = 0
    misfit: str = ""
    overlooked: float = 0.0


#: Predicted bytes of a setting, and why it does not fit (empty: it does).
Memory = Callable[[Setting], tuple[int, str]]


def batching_of(setting: Setting) -> Batching:
    """The setting for the simulation; nothing is refused."""
    return Batching(
        instances=setting.option.instances,
        max_batch=setting.max_batch_size,
        delay=setting.queue_delay_microseconds / 1e6,
    )


def space(models: Mapping[Option, ServiceTime], question: Question) -> tuple[Setting, ...]:
    """All settings of the options that are known."""
    goal_ms = question.objective.milliseconds
    sizes = batch_sizes(question.limits.max_batch_size, question.least_batch)
    return tuple(
        Setting(option=option, max_batch_size=size, queue_delay_microseconds=delay)
        for option, service in models.items()
        for size in sizes
        for delay in delays_microseconds(service.of(size) * 1000, size, goal_ms)
    )


def simulated(
    settings: Iterable[Setting],
    models: Mapping[Option, ServiceTime],
    question: Question,
    memory: Memory,
) -> tuple[Candidate, ...]:
    """All of them, the best first; those that do not fit last."""
    looked = [
        simulate(setting, models[setting.option], question, memory, few=True)
        for setting in settings
    ]
    first = ranked(looked, question)
    again = tuple(
        simulate(item.setting, item.service, question, memory) for item in first[:LOOKED_AT_AGAIN]
    )
    return ranked([*again, *first[LOOKED_AT_AGAIN:]], question)


def simulate(
    setting: Setting,
    service: ServiceTime,
    question: Question,
    memory: Memory,
    *,
    few: bool = False,
) -> Candidate:
    """One setting under the question's traffic."""
    bytes_, misfit = memory(setting)
    batching = batching_of(setting)
    rows, outcome, clients = _carried(service, batching, question, few=few)
    quantile = outcome.quantile(question.objective.percentile) if outcome else math.inf
    return Candidate(
        setting=setting,
        service=service,
        rows_per_second=rows,
        latency_ms=quantile * 1000,
        throughput=throughput(service, batching),
        clients=clients,
        memory_bytes=bytes_,
        misfit=misfit,
        overlooked=0.0 if few or question.clients else overlooked(service, batching, question),
    )


def overlooked(service: ServiceTime, batching: Batching, question: Question) -> float:
    """The largest share of requests that miss the goal at light loads.

    Nobody waits long there but by what Triton overlooks where there is a limit on waiting.
    """
    if question.source.most_rows > batching.max_batch:
        return 0.0
    limited = batching.limited(longest_wait(question.goal.seconds, service, batching))
    full = throughput(service, batching)
    outcomes = [
        open_loop(service, limited, question.source.at(load * full, FEW_REQUESTS))
        for load in LIGHT_LOADS
    ]
    return max(outcome.violations(question.goal.seconds) for outcome in outcomes)


def _carried(
    service: ServiceTime, batching: Batching, question: Question, *, few: bool
) -> tuple[float, Outcome | None, int]:
    goal, source = question.goal, question.source
    if question.clients:
        answers = FEW_ANSWERS if few else ANSWERS
        kept = most_clients(service, batching, source, goal, question.clients, answers=answers)
        rows = kept.outcome.rows_per_second if kept.outcome else 0.0
        return rows, kept.outcome, kept.clients
    options = {"requests": FEW_REQUESTS, "steps": FEW_STEPS} if few else {}
    found = carried(service, batching, source, goal, **options)
    return found.rows_per_second, found.outcome, 0


def ranked(candidates: Iterable[Candidate], question: Question) -> tuple[Candidate, ...]:
    """The best first, by the rule in the module's docstring."""
    wanted = question.traffic.rows_per_second > 0

    def first(item: Candidate) -> tuple[float, ...]:
        rows = item.rows_per_second
        fewest = (question.replicas(rows), item.memory_bytes) if wanted and rows > 0 else (0, 0)
        all_clients = question.has_all(item.clients)
        worth = _worth(item, question)
        return (bool(item.misfit), rows <= 0, not all_clients, *fewest, -worth)

    left = sorted(candidates, key=first)
    order: list[Candidate] = []
    while left:
        best = left[0]
        same = [item for item in left if _as_good(item, best, question)] if not wanted else [best]
        same = sorted(same, key=lambda item: (_is_overlooked(item, question), *_size(item)))
        order += same
        known = {id(item) for item in same}
        left = [item for item in left if id(item) not in known]
    return tuple(order)


def _as_good(item: Candidate, best: Candidate, question: Question) -> bool:
    fits = bool(item.misfit) == bool(best.misfit)
    keeps = question.has_all(item.clients) == question.has_all(best.clients)
    least = _worth(best, question) * (1 - NOISE_SHARE)
    return fits and keeps and _worth(item, question) >= least


def _worth(item: Candidate, question: Question) -> float:
    """Rows a second that count of what it carries."""
    over = question.limits.oversubscribed(item.setting.option)
    return item.rows_per_second * ((1 - OVERSUBSCRIBED_SHARE) if over else 1.0)


def _is_overlooked(item: Candidate, question: Question) -> bool:
    """Whether it misses the goal at light loads."""
    return item.overlooked > question.goal.violations


def _size(item: Candidate) -> tuple[float, ...]:
    setting = item.setting
    return (
        setting.option.instances,
        setting.max_batch_size,
        setting.queue_delay_microseconds,
        setting.option.threads,
        -item.rows_per_second,
    )


def finalists(order: Sequence[Candidate], question: Question) -> tuple[Candidate, ...]:
    """What to measure: the best ones, of each option and batch size only one.

    What the server itself takes of the cores for each request is not in the curves: where all of
    the best use every core, the best that leaves one goes along.
    """
    hopes = [item for item in order if item.rows_per_second > 0 and not item.misfit]
    if not hopes:
        return ()
    chosen: list[Candidate] = []
    seen = set()
    for item in hopes:
        place = item.setting.option, item.setting.max_batch_size
        near = item.rows_per_second >= hopes[0].rows_per_second * (1 - NEAR_SHARE)
        enough = question.traffic.rows_per_second > 0 and question.replicas(
            item.rows_per_second
        ) <= question.replicas(hopes[0].rows_per_second)
        if place not in seen and (near or enough):
            seen.add(place)
            chosen.append(item)
    chosen = chosen[:FINALISTS]
    return (*chosen, *_with_a_spare_core(hopes, chosen, question))


def _with_a_spare_core(
    hopes: Sequence[Candidate], chosen: Sequence[Candidate], question: Question
) -> tuple[Candidate, ...]:
    """The best that leaves a core to the server; nothing where one of ``chosen`` does."""
    leaves_a_core = question.limits.leaves_a_core
    if any(leaves_a_core(item.setting.option) for item in chosen):
        return ()
    least = (1 - SPARE_SHARE) * hopes[0].rows_per_second
    spare = next((item for item in hopes if leaves_a_core(item.setting.option)), None)
    return (spare,) if spare is not None and spare.rows_per_second >= least else ()
