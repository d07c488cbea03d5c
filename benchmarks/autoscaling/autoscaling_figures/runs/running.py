"""One service under one controller: what it cost, and what it missed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autoscaling_figures.bounds.clairvoyant import clairvoyant
from autoscaling_figures.loads.choosing import most_replicas
from autoscaling_figures.simulator.arrivals import Trace, arrivals
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.service import Service
from autoscaling_figures.simulator.world import Controller, Fault, Record, Seen, World

#: Bins of the need that is known in advance, and the shares of spare capacity that are tried.
NEED_SECONDS = 5.0
LEAST_SLACK, MOST_SLACK, HALVINGS = 1.0, 3.0, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """By minute: requests, violations, replica-seconds. ``peak``: replicas at a time."""

    offered: np.ndarray
    violations: np.ndarray
    seconds: np.ndarray
    starts: int = 0
    peak: int = 0

    @property
    def missed(self) -> float:
        """Share of the requests that missed the goal."""
        return float(self.violations.sum() / max(1.0, self.offered.sum()))

    @property
    def cost(self) -> float:
        """Replica-seconds."""
        return float(self.seconds.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A load for a model. ``each``: requests a second of a replica within the goal."""

    trace: Trace
    model: ModelOf
    each: float
    seed: int

    @property
    def most(self) -> int:
        """Replicas that no controller may go beyond."""
        return most_replicas(self.trace, self.each)


def run(
    case: Case,
    controller: Controller,
    *,
    faults: tuple[Fault, ...] = (),
    begins: float | None = None,
    first: int = 0,
    most: int = 0,
) -> Run:
    """From start to end.

    ``first``: replicas at the beginning, by default what the load takes; ``most``: at any time.
    """
    most = most or case.most
    service = Service(
        case.trace.name,
        case.model,
        arrivals(case.trace, case.seed),
        most=2 * most + 8,
        seed=case.seed,
    )
    service.add_ready(first or beginning(case.trace, case.each))
    world = World(
        services=[service],
        controller=controller,
        duration=case.trace.duration,
        most=most,
        faults=faults,
        seed=case.seed,
        begins=begins,
    )
    return of_record(world.run(), service.name, service.tally.starts)


def beginning(trace: Trace, each: float) -> int:
    """Replicas that the first minutes take, with a third to spare."""
    bins = max(1, round(300.0 / trace.seconds))
    return max(1, math.ceil(1.3 * float(trace.rate[:bins].max()) / each))


def of_record(record: Record, name: str, starts: int = 0) -> Run:
    """By minute, of one service."""
    return Run(
        offered=np.diff(record.offered[name]),
        violations=np.diff(record.violations[name]),
        seconds=np.diff(record.seconds[name]),
        starts=starts,
        peak=max(record.held[name]),
    )


@dataclass(slots=True, kw_only=True)
class Planned:
    """Counts that were known before, by bin."""

    counts: np.ndarray
    interval: float = NEED_SECONDS

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """The counts of now."""
        del gpus
        place = min(len(self.counts) - 1, int(now / self.interval + 0.5))
        return dict.fromkeys(seen, int(self.counts[place]))

    def restart(self) -> None:
        """It has nothing to forget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """Who knows the load: replica-seconds, and the share that missed the goal even so."""

    cost: float
    missed: float


def foreseen(case: Case) -> Foreseen:
    """The least that a need with as many violations as allowed costs.

    The need is that of each bin with the smallest slack that suffices, its replicas there at once;
    the cost then counts their starts, see ``bounds.clairvoyant``.
    """
    times = arrivals(case.trace, case.seed)
    edges = np.arange(0.0, case.trace.duration + NEED_SECONDS, NEED_SECONDS)
    rate = np.histogram(times, edges)[0] / NEED_SECONDS
    at_once = Case(
        trace=case.trace,
        model=ModelOf(
            base=case.model.base, each=case.model.each, batch=case.model.batch,
            instances=case.model.instances, goal=case.model.goal, allowed=case.model.allowed,
            start=0.0, slow_share=0.0,
        ),
        each=case.each,
        seed=case.seed,
    )  # fmt: skip

    def need(slack: float) -> np.ndarray:
        counts: np.ndarray = np.maximum(1, np.ceil(slack * rate / case.model.full)).astype(int)
        return np.minimum(counts, case.most)

    def missed(slack: float) -> float:
        counts = need(slack)
        return run(at_once, Planned(counts=counts), begins=0.0, first=int(counts[0])).missed

    low, high = LEAST_SLACK, MOST_SLACK
    best = missed(high)
    if best <= case.model.allowed:
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            found = missed(middle)
            if found <= case.model.allowed:
                high, best = middle, found
            else:
                low = middle
    return Foreseen(cost=clairvoyant(need(high), NEED_SECONDS, case.model.start), missed=best)
