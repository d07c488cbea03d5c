"""Triton's batcher, slowly and plainly: from event to event, with lists of requests.

What the compiled simulation is compared with, and the Triton of the fake bench.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

#: Seconds after which a batcher that nobody wakes looks by itself.
LOOKS_ITSELF = 0.5


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request: ``sent`` by its client, at once ``queued``."""

    number: int
    sent: float
    rows: int = 1
    level: int = 0
    length: int = 0
    queued: float = 0.0
    latency: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A batch that an instance executed."""

    start: float
    seconds: float
    requests: tuple[Asked, ...]

    @property
    def rows(self) -> int:
        """Of all its requests."""
        return sum(request.rows for request in self.requests)

    @property
    def length(self) -> int:
        """Of its longest request."""
        return max(request.length for request in self.requests)

    @property
    def finish(self) -> float:
        """When its answers go out."""
        return self.start + self.seconds


#: (rows, number of the execution, other instances that execute, when it begins) → seconds.
Duration = Callable[[int, int, int, float], float]
#: (length of the longest request, rows) → how much longer it takes.
Longer = Callable[[int, int], float]


@dataclass(slots=True, kw_only=True)
class Batcher:
    """Instances and the queue before them. ``duration``: of an execution.

    ``padded``: requests of different lengths may be one batch. ``longer``: by length.
    ``luck``: of each execution, in turn; below ``overlooks`` the batcher sleeps on when an instance
    gets free for a request that waits: until another one comes, another instance gets free, or half
    a second has passed.
    """

    instances: int
    largest: int
    duration: Duration
    delay: float = 0.0
    timeout: float = math.inf
    gap: float = 0.0
    padded: bool = False
    longer: Longer = lambda _length, _rows: 1.0
    overlooks: float = 0.0
    luck: Sequence[float] = (1.0,)
    done: list[Executed] = field(default_factory=list)
    _waiting: list[Asked] = field(default_factory=list)
    _coming: list[Asked] = field(default_factory=list)
    _overlooked: set[int] = field(default_factory=set)
    _idle_from: list[float] = field(default_factory=list)
    _running: list[Executed] = field(default_factory=list)

    def open_loop(self, requests: Sequence[Asked]) -> list[Executed]:
        """Each request is sent at its time."""
        for request in requests:
            request.queued = request.sent
        self._coming = coming = list(requests)
        self._idle_from = [0.0] * self.instances
        now = 0.0
        while coming or self._waiting:
            while coming and coming[0].queued <= now:
                self._waiting.append(coming.pop(0))
            while self._began_one(now) is not None:
                pass
            now = self._next_moment(now, [request.queued for request in coming[:1]])
        return self.done

    def closed_loop(
        self,
        clients: int,
        rows: Sequence[int],
        think: float,
        answers: int,
        lengths: Sequence[int] = (0,),
    ) -> list[Executed]:
        """Each client sends its next request ``think`` after its answer, until all are there."""
        sending = [
            Asked(
                number=client,
                sent=think * client / clients,
                rows=rows[client % len(rows)],
                length=lengths[client % len(lengths)],
            )
            for client in range(clients)
        ]
        sent, answered, now = clients, 0, 0.0
        self._idle_from = [0.0] * self.instances
        while answered < answers:
            for request in [one for one in sending if one.sent <= now]:
                sending.remove(request)
                request.queued = request.sent
                self._waiting.append(request)
            self._waiting.sort(key=lambda one: (one.queued, one.number))
            while (execution := self._began_one(now)) is not None:
                for request in sorted(execution.requests, key=lambda one: one.number):
                    answered += 1
                    sending.append(
                        Asked(
                            number=request.number,
                            sent=execution.finish + think,
                            rows=rows[sent % len(rows)],
                            length=lengths[sent % len(lengths)],
                        )
                    )
                    sent += 1
            now = self._next_moment(now, [one.sent for one in sending])
        return self.done

    def _began_one(self, now: float) -> Executed | None:
        """An idle instance takes a batch, if there is one that is to go now."""
        self._running = [one for one in self._running if one.finish > now]
        idle = [place for place in range(self.instances) if self._idle_from[place] <= now]
        if not idle:
            return None
        self._reject(now)
        batch, closed = self._front_of_the_queue()
        if not batch:
            return None
        first = min(idle, key=lambda place: self._idle_from[place])
        if self._sleeps(first, now):
            return None
        if not closed and now < self._oldest() + self.delay:
            return None
        rows = sum(request.rows for request in batch)
        seconds = self.duration(rows, len(self.done), len(self._running), now)
        seconds *= self.longer(max(request.length for request in batch), rows)
        execution = Executed(start=now, seconds=seconds, requests=tuple(batch))
        for request in batch:
            self._waiting.remove(request)
            request.latency = execution.finish - request.sent
        self._idle_from[first] = execution.finish + self.gap * rows
        self._running.append(execution)
        self.done.append(execution)
        return execution

    def _sleeps(self, place: int, now: float) -> bool:
        """Whether the batcher has not seen yet that an instance got free while requests waited."""
        free, number = self._idle_from[place], len(self.done)
        if self._oldest() < free and self.luck[number % len(self.luck)] < self.overlooks:
            self._overlooked.add(number)
        if number not in self._overlooked:
            return False
        came = [one.queued for one in [*self._waiting, *self._coming] if one.queued > free]
        others = [moment for moment in self._idle_from if moment > free]
        return now < min([free + LOOKS_ITSELF, *came, *others])

    def _reject(self, now: float) -> None:
        for request in [one for one in self._waiting if now - one.queued > self.timeout]:
            self._waiting.remove(request)
            request.latency = math.inf

    def _front_of_the_queue(self) -> tuple[list[Asked], bool]:
        """The next batch as far as it is there, and whether nothing more may join it."""
        batch: list[Asked] = []
        rows = 0
        for request in sorted(self._waiting, key=lambda one: one.level):  # stable: oldest first
            if rows + request.rows > self.largest:
                return batch, True
            if batch and not self.padded and request.length != batch[0].length:
                return batch, True
            batch.append(request)
            rows += request.rows
            if rows == self.largest:
                return batch, True
        return batch, False

    def _oldest(self) -> float:
        return min(request.queued for request in self._waiting)

    def _next_moment(self, now: float, moments: list[float]) -> float:
        moments = moments + list(self._idle_from)
        if self._waiting:
            moments.append(self._oldest() + self.delay)
            moments += [moment + LOOKS_ITSELF for moment in self._idle_from]
        later = [moment for moment in moments if moment > now]
        return min(later) if later else now
