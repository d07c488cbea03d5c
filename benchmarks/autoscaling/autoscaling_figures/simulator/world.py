"""Services, a controller, scrapes, faults and GPUs on one simulated clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from .service import History, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``kind`` from ``begin`` to ``end``, seconds. What each kind does is in ``World``."""

    kind: str
    begin: float
    end: float

    def holds(self, now: float) -> bool:
        """Whether it is on."""
        return self.begin <= now < self.end


DOWN, EMPTY, NANS = "Prometheus down", "empty answers", "NaN"
FROZEN, HALF, RESET = "no new samples", "half of the pods missing", "counters reset"
RESTART, SLOW_STARTS = "operator restarted", "starts take 5 times as long"
FEWER_GPUS, HOMELESS = "a quarter of the GPUs gone", "no place for pods"
#: In which nothing, or nothing new, is known of any pod.
BLINDING = (DOWN, EMPTY, NANS, FROZEN)
METRIC_FAULTS = (*BLINDING, HALF, RESET)
FAULTS = (*METRIC_FAULTS, RESTART, SLOW_STARTS, FEWER_GPUS, HOMELESS)
#: In which the metrics are read before anybody decides: peers make rates of two scrapes at least.
WARM_UP = 120.0
RECORD_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a controller can see of one service.

    ``history``: scrapes as Prometheus has them; ``answers``: whether Prometheus answers at all.
    ``ready``, ``replicas``: counts; ``service``: for what the API server tells of pods.
    """

    service: Service
    history: History
    answers: bool
    ready: int
    replicas: int


class Controller(Protocol):
    """``interval``: seconds between two decisions."""

    interval: float

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> Mapping[str, int]:
        """Wanted replicas by service; those left out stay. ``gpus``: of the cluster, if limited."""

    def restart(self) -> None:
        """Its process ends, and another one begins with what was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Another count was wanted."""

    at: float
    service: str
    before: int
    after: int


@dataclass(slots=True)
class Record:
    """Every minute by service, all since the beginning: requests, violations, replica-seconds.

    ``held``: replicas that hold GPUs then. ``changes``: of what was wanted.
    """

    times: list[float] = field(default_factory=list)
    offered: dict[str, list[float]] = field(default_factory=dict)
    violations: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    held: dict[str, list[int]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def add(self, now: float, services: Sequence[Service]) -> None:
        """One more line."""
        self.times.append(now)
        for service in services:
            self.offered.setdefault(service.name, []).append(float(service.tally.offered))
            self.violations.setdefault(service.name, []).append(service.violations)
            self.seconds.setdefault(service.name, []).append(service.tally.holding)
            self.held.setdefault(service.name, []).append(service.holding())


@dataclass(slots=True, kw_only=True)
class World:
    """``gpus``: None for as many as are asked for. ``scrape_seconds``: between two scrapes.

    ``begins``: first decision, seconds; None for some time after the warm-up.
    """

    services: Sequence[Service]
    controller: Controller
    duration: float
    gpus: int | None = None
    scrape_seconds: float = 15.0
    least: int = 1
    most: int = 1000
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    begins: float | None = None
    record: Record = field(default_factory=Record)
    histories: dict[str, History] = field(default_factory=dict)

    def run(self) -> Record:
        """From the beginning to the end."""
        generator = np.random.default_rng([self.seed, 5])
        self.histories = {service.name: History() for service in self.services}
        some = WARM_UP + float(generator.random()) * self.controller.interval
        decides = some if self.begins is None else self.begins
        scrapes = records = 0.0
        due = sorted(self.faults, key=lambda fault: fault.begin)
        while True:
            now = min(scrapes, decides, records, self.duration)
            self._advance(now)
            if now >= self.duration:
                self.record.add(now, self.services)
                return self.record
            if now == records:
                self.record.add(now, self.services)
                records += RECORD_SECONDS
            if now == scrapes:
                self._scrape(now)
                scrapes += self.scrape_seconds * (0.97 + 0.06 * float(generator.random()))
            while due and due[0].begin <= now:
                self._begin(due.pop(0))
            if now == decides:
                self._decide(now)
                decides += self.controller.interval

    def _begin(self, fault: Fault) -> None:
        """What happens once, at its beginning."""
        if fault.kind == RESTART:
            self.controller.restart()
        if fault.kind == RESET:
            for service in self.services:
                service.reset_counters()

    def _is_on(self, kind: str, now: float) -> bool:
        return any(fault.kind == kind and fault.holds(now) for fault in self.faults)

    def _advance(self, until: float) -> None:
        """In steps that end where a replica becomes ready, so that it gets requests at once."""
        for service in self.services:
            starts = sorted(
                replica.ready_at
                for replica in service.replicas
                if service.now < replica.ready_at < until
            )
            for at in (*starts, until):
                service.advance(at)
        self._place(until)

    def _scrape(self, now: float) -> None:
        for service in self.services:
            scrapes = service.scrape()
            if self._is_on(HALF, now):
                scrapes = {
                    name: scrape
                    for place, (name, scrape) in enumerate(sorted(scrapes.items()))
                    if place % 2 == 0
                }
            if not self._is_on(DOWN, now) and not self._is_on(FROZEN, now):
                self.histories[service.name].add(scrapes, now)

    def _decide(self, now: float) -> None:
        seen = {
            service.name: Seen(
                service=service,
                history=self._as_answered(service.name, now),
                answers=not self._is_on(DOWN, now),
                ready=len(service.ready()),
                replicas=service.wanted,
            )
            for service in self.services
        }
        gpus = self._gpus(now)
        wanted = self.controller.decide(now, seen, gpus)
        for service in self.services:
            if service.name in wanted:
                self._want(service, wanted[service.name], now)
            while len(service.staying()) > service.wanted:
                service.remove()
        self._place(now)

    def _want(self, service: Service, count: int, now: float) -> None:
        count = max(self.least, min(count, self.most))
        if count != service.wanted:
            change = Change(at=now, service=service.name, before=service.wanted, after=count)
            self.record.changes.append(change)
        service.wanted = count

    def _as_answered(self, name: str, now: float) -> History:
        if self._is_on(EMPTY, now) or self._is_on(DOWN, now):
            return History()
        history = self.histories[name]
        if self._is_on(NANS, now):
            return History(samples={pod: [] for pod in history.samples}, version=-1)
        return history

    def _gpus(self, now: float) -> int | None:
        if self.gpus is None:
            return None
        return int(self.gpus * 0.75) if self._is_on(FEWER_GPUS, now) else self.gpus

    def _place(self, now: float) -> None:
        """Replicas that are wanted and have a place start; the others have none since then."""
        if not self._is_on(HOMELESS, now):
            self._start(now)
        for service in self.services:
            missing = max(0, service.wanted - len(service.staying()))
            kept = service.homeless[:missing]
            service.homeless = kept + [now] * (missing - len(kept))

    def _start(self, now: float) -> None:
        """The scheduler takes turns."""
        slow = 5.0 if self._is_on(SLOW_STARTS, now) else 1.0
        gpus = self._gpus(now)
        free = None if gpus is None else gpus - sum(item.holding() for item in self.services)
        missing = True
        while missing:
            missing = False
            for service in self.services:
                missed = len(service.staying()) < service.wanted and service.has_slot
                if missed and (free is None or free > 0):
                    service.start_factor = slow
                    service.add()
                    free = None if free is None else free - 1
                    missing = True
