"""One service in simulated time: its replicas, their request path, what a scrape of them says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .kernel import COLUMNS, FAILURES, LATE, SUCCESSES, WAITED, advance
from .model import ModelOf, start_seconds

#: Requests that wait at one replica; more are refused.
QUEUE = 4096
#: Random numbers, used in turn.
LUCK = 4099


@dataclass(slots=True)
class Replica:
    """``slot``: its row in the arrays. ``ready_at``: planned, infinity while it has no place.

    ``leaving_since``: since when it gets no requests any more, None while it stays.
    """

    name: str
    slot: int
    created: float
    ready_at: float
    leaving_since: float | None = None

    def serves(self, now: float) -> bool:
        """Whether it gets requests."""
        return self.leaving_since is None and self.ready_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """Counters of one replica at one time, since it started."""

    at: float
    successes: float
    failures: float
    pending: float
    waited: float = 0.0


@dataclass(slots=True)
class Tally:
    """``holding``: replica-seconds from creation to the end of draining."""

    offered: int = 0
    lost: int = 0
    holding: float = 0.0
    starts: int = 0
    stops: int = 0


class Service:
    """``arrival``: seconds, ascending. ``most``: replicas at a time, those that leave included.

    ``homeless``: since when each replica is missing that is wanted and has no place.
    """

    def __init__(
        self, name: str, model: ModelOf, arrival: np.ndarray, *, most: int, seed: int
    ) -> None:
        self.name = name
        self.model = model
        self.wanted = 0
        self.now = 0.0
        self.tally = Tally()
        self.replicas: list[Replica] = []
        self.homeless: list[float] = []
        self.start_factor = 1.0
        self._arrival = arrival
        self._next = 0
        self._made = 0
        self._random = np.random.default_rng([seed, 11])
        self._chance = self._random.random(len(arrival))
        self._table = model.table()
        self._queue = np.zeros((most, QUEUE))
        self._head = np.zeros(most, np.int64)
        self._tail = np.zeros(most, np.int64)
        self._free = np.zeros((most, model.instances))
        self._flight = np.zeros((most, model.instances), np.int64)
        self._awake = np.zeros(most)
        self._luck = np.random.default_rng([seed, 13]).random(LUCK)
        self._counters = np.zeros((most, COLUMNS))
        self._speed = np.ones(most)
        self._gone = np.zeros(COLUMNS)
        #: What counters had when they began anew: a restarted server counts from 0.
        self._forgotten = np.zeros((most, COLUMNS))
        self._slots = list(range(most - 1, -1, -1))

    @property
    def violations(self) -> float:
        """Requests that missed the goal, were refused, or that nobody was there for."""
        counted = self._counters[:, FAILURES].sum() + self._counters[:, LATE].sum()
        return float(counted + self._gone[FAILURES] + self._gone[LATE] + self.tally.lost)

    @property
    def has_slot(self) -> bool:
        """Whether one replica more can be told of."""
        return bool(self._slots)

    def holding(self) -> int:
        """Replicas that hold their GPUs."""
        return len(self.replicas)

    def ready(self) -> list[Replica]:
        """Those that get requests."""
        return [replica for replica in self.replicas if replica.serves(self.now)]

    def staying(self) -> list[Replica]:
        """Those that are not leaving."""
        return [replica for replica in self.replicas if replica.leaving_since is None]

    def pending(self, replica: Replica) -> int:
        """Requests that wait at it."""
        return int(self._tail[replica.slot] - self._head[replica.slot])

    def executing(self, replica: Replica) -> int:
        """Requests that it executes."""
        return int(self._flight[replica.slot].sum())

    def add(self) -> None:
        """One replica more, which has a place."""
        seconds = self.start_factor * start_seconds(self.model, self._random)
        self._new(self.now + seconds)
        self.tally.starts += 1

    def add_ready(self, count: int) -> None:
        """As many that answer at once: what runs at the beginning."""
        for _ in range(count):
            self._new(self.now)
        self.wanted = count

    def _new(self, ready_at: float) -> None:
        slot = self._slots.pop()
        for array in (self._head, self._tail, self._free, self._flight, self._counters):
            array[slot] = 0
        self._forgotten[slot] = 0
        self._free[slot] = ready_at
        self._made += 1
        self.replicas.append(Replica(f"{self.name}-{self._made}", slot, self.now, ready_at))

    def remove(self) -> None:
        """The one that is missed least: loading ones first, the newest of them, then the newest."""
        victim = max(self.staying(), key=lambda one: (one.ready_at > self.now, one.created))
        victim.leaving_since = self.now
        self.tally.stops += 1

    def advance(self, until: float) -> None:
        """Requests come and are answered until then."""
        last = int(np.searchsorted(self._arrival, until, side="left"))
        ready = np.array([replica.slot for replica in self.ready()], np.int64)
        live = np.array([replica.slot for replica in self.replicas], np.int64)
        self.tally.lost += advance(
            until,
            self._arrival,
            self._chance,
            self._next,
            last,
            self.model.pooled,
            ready,
            self._queue,
            self._head,
            self._tail,
            self._free,
            self._flight,
            self._awake,
            self._counters,
            self._luck,
            self.model.overlooks,
            live,
            self._speed,
            self._table,
            self.model.timeout,
            self.model.goal,
        )
        self.tally.offered += last - self._next
        self.tally.holding += len(self.replicas) * (until - self.now)
        self._next, self.now = last, until
        self._bury()

    def _bury(self) -> None:
        """Replicas that have left, and have nothing to do any more."""
        for replica in [item for item in self.replicas if item.leaving_since is not None]:
            since = replica.leaving_since or 0.0
            idle = self.pending(replica) == 0 and not self._flight[replica.slot].any()
            if idle and self.now - since >= self.model.drain:
                self._gone += self._counters[replica.slot]
                self._counters[replica.slot] = 0
                self._slots.append(replica.slot)
                self.replicas.remove(replica)

    def reset_counters(self) -> None:
        """As if every server had begun to count anew."""
        self._forgotten[:] = self._counters

    def scrape(self) -> dict[str, Scrape]:
        """Of every replica that answers, leaving ones included."""
        found = {}
        for replica in self.replicas:
            if replica.ready_at <= self.now:
                counters = self._counters[replica.slot] - self._forgotten[replica.slot]
                found[replica.name] = Scrape(
                    at=self.now,
                    successes=float(counters[SUCCESSES]),
                    failures=float(counters[FAILURES]),
                    pending=float(self.pending(replica)),
                    waited=float(counters[WAITED]),
                )
        return found


@dataclass(slots=True)
class History:
    """What Prometheus holds of one service: scrapes by replica, of the last minutes.

    ``version``: another one whenever something came.
    """

    seconds: float = 150.0
    samples: dict[str, list[Scrape]] = field(default_factory=dict)
    version: int = 0

    def add(self, scrapes: dict[str, Scrape], now: float) -> None:
        """One more scrape."""
        self.version += 1
        for name, scrape in scrapes.items():
            self.samples.setdefault(name, []).append(scrape)
        edge = now - self.seconds
        for name in list(self.samples):
            kept = [scrape for scrape in self.samples[name] if scrape.at >= edge]
            if kept:
                self.samples[name] = kept
            else:
                del self.samples[name]
