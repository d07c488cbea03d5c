"""A Triton and its load generator that are made up: the tuner's bench without any process.

How long executions take is the test's to say; when batches go follows Triton's rules. Time is the
fake's own, so that nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from modelservice_runtime.tuner import bench, curves, loading, tuning
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.errors import (
    MODEL_NOT_SERVABLE,
    LoadFailed,
    TooLate,
    TritonDied,
    UserError,
)
from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.memory_use import MemoryUse
from modelservice_runtime.tuner.padding import Padding
from modelservice_runtime.tuner.parsing import Measurement
from modelservice_runtime.tuner.runs import Part, Run
from modelservice_runtime.tuner.settings import Option, Setting
from modelservice_runtime.tuner.statistics import Counters

WINDOW = 0.1
LOADING = 0.5


@dataclass(slots=True)
class Clock:
    """Stands for the module ``time``."""

    now: float = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@dataclass(frozen=True, slots=True)
class Execution:
    """Of requests: when each was sent, its rows and its length."""

    start: float
    seconds: float
    requests: tuple[tuple[float, int, int], ...]

    @property
    def rows(self) -> int:
        """Of all its requests."""
        return sum(rows for _, rows, _ in self.requests)

    @property
    def finish(self) -> float:
        """When its answers go out."""
        return self.start + self.seconds


#: (option, rows) → seconds of an execution that is alone.
Truth = Callable[[Option, int], float]


@dataclass(slots=True, kw_only=True)
class FakeTriton:
    """Both the server and the load generator of a bench.

    ``truth``: of executions. ``contention``: by how much one is slower for each other that
    executes. ``scatter``: of executions; ``drift``: of the machine from moment to moment.
    ``exports``: every latency is known; ``counts``: Triton says what it executed.
    ``longer``: by how much executions take longer by the length of their longest request; ``pads``:
    variants whose requests may be padded, and from when they were asked are.
    ``stretched``: how much longer than it should the load generator takes to send all;
    ``pause``: seconds that it takes between an answer and the next request of a closed loop.
    ``leaks``: bytes that each request since the load leaves behind.
    ``refused``: settings that Triton does not load. ``dies_at``: runs in which it dies, by number;
    ``fails_at``: in which the load generator has no figures.
    """

    truth: Truth
    contention: float = 0.0
    scatter: float = 0.0
    drift: float = 0.0
    overhead: float = 0.0002
    stretched: float = 1.0
    pause: float = 0.0
    exports: bool = True
    counts: bool = True
    longer: Callable[[int], float] = lambda _: 1.0
    pads: frozenset[str] = frozenset()
    padded: set[str] = field(default_factory=set)
    refused: Callable[[Setting], bool] = lambda _: False
    dies_at: frozenset[int] = frozenset()
    killed: bool = False
    fails_at: frozenset[int] = frozenset()
    memory_of: Callable[[Setting], MemoryUse] | None = None
    leaks: int = 0
    clock: Clock = field(default_factory=Clock)
    served: list[Setting] = field(default_factory=list)
    runs: int = 0
    readings: list[Counters] = field(default_factory=list)
    _alive: bool = True
    _since_load: int = 0
    _random: Any = field(default_factory=lambda: np.random.default_rng(11))

    def install(self, patch: Any) -> None:
        """Time is the fake's own, and so is what is counted in it."""
        for module in (bench, curves, loading, tuning):
            patch.setattr(module, "time", self.clock)
        patch.setattr(bench, "Watch", FakeWatch)

    # The server.

    def serve(self, setting: Setting, deadline: Deadline) -> None:
        """See ``bench.Server``."""
        if self.refused(setting):
            raise UserError(MODEL_NOT_SERVABLE, "Triton refuses: no such engine")
        self._alive = True
        if self.served[-1:] != [setting]:
            self.clock.now += LOADING
            self.served.append(setting)
            self._since_load = 0
        if deadline.remaining(self.clock.now) == 0.0:
            raise TooLate("time was up before the model was loaded")

    def padding(self, setting: Setting, deadline: Deadline) -> Padding:
        """See ``bench.Server``."""
        self.serve(setting, deadline)
        variant = setting.option.variant
        self.padded |= {variant} & self.pads
        return Padding(allowed=variant in self.padded, why="it was asked")

    def keep_apart(self, variant: str) -> None:
        """See ``bench.Server``."""
        self.padded.discard(variant)

    def check_alive(self) -> None:
        """See ``bench.Server``."""
        if not self._alive:
            raise TritonDied("Triton ended with code -11: segfault", killed=self.killed)

    def counters(self) -> Counters:
        """See ``bench.Server``; read by the fake watch alone."""
        return self.readings[-1]

    def memory(self) -> MemoryUse | None:
        """See ``bench.Server``."""
        if self.memory_of is None:
            return None
        use = self.memory_of(self.served[-1])
        return replace(use, instances=use.instances + self.leaks * self._since_load)

    # The load generator.

    def run(self, run: Run, timeout: float, stalled: Callable[[], bool]) -> Measurement:
        """See ``LoadGenerator``."""
        del stalled
        number, self.runs = self.runs, self.runs + 1
        if number in self.dies_at:
            self._alive = False
            self.clock.now += 0.2
            raise LoadFailed("perf_analyzer: connection refused (exit code 99)")
        if number in self.fails_at:
            self.clock.now += run.seconds
            raise LoadFailed("perf_analyzer: no stable measurement within the given windows")
        (first, *_) = run.parts
        if run.open_loop:
            done = self._at_their_times(run)
        elif run.one_by_one:
            done = self._in_flight(run)
        elif _value(first, "--concurrency-range") == 1:
            done = self._one_after_another(first, run.seconds)
        else:
            done = self._full(first, run.seconds)
        spent = max(one.finish for one in done)
        self.clock.now += min(spent, timeout)
        if spent > timeout:
            raise LoadFailed(f"perf_analyzer did not end within {timeout:.0f} s")
        self.readings = _readings(done)
        self._since_load += sum(len(one.requests) for one in done)
        return self._measured(done, run)

    def _seconds(
        self, rows: int, together: int, moment: dict[int, float], now: float, length: int = 0
    ) -> float:
        alone = self.truth(self.served[-1].option, rows) * (1 + self.contention * together)
        alone *= self.longer(length)
        slot = int(now / WINDOW)
        if slot not in moment:
            moment[slot] = float(np.exp(self.drift * self._random.standard_normal()))
        own = max(0.3, 1 + self.scatter * float(self._random.standard_normal()))
        return float(alone * moment[slot] * own)

    def _one_after_another(self, part: Part, duration: float) -> list[Execution]:
        """So many requests, or as many as there is time for where they are not counted."""
        moment: dict[int, float] = {}
        now, done = 0.0, []
        while len(done) < part.requests or (not part.requests and now < duration):
            seconds = self._seconds(part.batch, 0, moment, now, part.length)
            done.append(Execution(now, seconds, ((now, part.batch, part.length),)))
            now += seconds + self.overhead
        return done

    def _full(self, part: Part, duration: float) -> list[Execution]:
        """So many clients that every batch is full."""
        setting, moment, done = self.served[-1], {}, []
        many = setting.max_batch_size // part.batch
        for _ in range(setting.option.instances):
            now = 0.0
            while now < duration:
                together = setting.option.instances - 1
                seconds = self._seconds(many * part.batch, together, moment, now, part.length)
                waited = max(0.0, now - seconds)
                done.append(Execution(now, seconds, ((waited, part.batch, part.length),) * many))
                now += seconds
        return done

    def _at_their_times(self, run: Run) -> list[Execution]:
        coming = sorted(
            (float(at) / 1e6 * self.stretched, part.batch, part.length)
            for part in run.parts
            for at in np.cumsum(part.intervals)
        )
        setting, moment = self.served[-1], {}
        free, head, done = [0.0] * setting.option.instances, 0, []
        while head < len(coming):
            place = min(range(len(free)), key=free.__getitem__)
            oldest = coming[head][0]
            now = max(free[place], oldest)
            latest = max(now, oldest + setting.queue_delay_microseconds / 1e6)
            rows, end = 0, head
            while rows < setting.max_batch_size:
                if end == len(coming) or coming[end][0] > latest:
                    now = latest
                    break
                at, more, length = coming[end]
                now = max(now, at)
                if rows + more > setting.max_batch_size:
                    break
                if setting.option.variant not in self.padded and length != coming[head][2]:
                    break
                rows, end = rows + more, end + 1
            together = sum(1 for other, until in enumerate(free) if other != place and until > now)
            longest = max(length for _, _, length in coming[head:end])
            seconds = self._seconds(rows, together, moment, now, longest)
            done.append(Execution(now, seconds, tuple(coming[head:end])))
            free[place], head = now + seconds, end
        return done

    def _in_flight(self, run: Run) -> list[Execution]:
        """Each client sends the next request of its kind when it has its answer."""
        setting, moment = self.served[-1], {}
        left = {(part.batch, part.length): part.requests for part in run.parts}
        waiting = []
        for part in run.parts:
            clients = _value(part, "--concurrency-range")
            waiting += [(0.0, part.batch, part.length)] * clients
            left[part.batch, part.length] -= clients
        free, done = [0.0] * setting.option.instances, []
        while waiting:
            waiting.sort()
            place = min(range(len(free)), key=free.__getitem__)
            now = max(free[place], waiting[0][0])
            now = max(now, waiting[0][0] + setting.queue_delay_microseconds / 1e6)
            rows, many = 0, 0
            for at, more, length in waiting:
                if at > now or rows + more > setting.max_batch_size:
                    break
                if setting.option.variant not in self.padded and length != waiting[0][2]:
                    break
                rows, many = rows + more, many + 1
            together = sum(1 for other, until in enumerate(free) if other != place and until > now)
            longest = max(length for _, _, length in waiting[:many])
            seconds = self._seconds(rows, together, moment, now, longest)
            done.append(Execution(now, seconds, tuple(waiting[:many])))
            free[place] = now + seconds
            again = free[place] + self.overhead + self.pause
            for _, *kind in waiting[:many]:
                rows, length = kind
                if left[rows, length] > 0:
                    left[rows, length] -= 1
                    waiting.append((again, rows, length))
            del waiting[:many]
        return done

    def _measured(self, done: Sequence[Execution], run: Run) -> Measurement:
        answers = sorted(
            (at, (one.finish - at + self.overhead) * 1000, rows, length)
            for one in done
            for at, rows, length in one.requests
        )
        latencies = [ms for _, ms, _, _ in answers]
        percents = {name: float(np.percentile(latencies, name)) for name in (50, 90, 95, 99)}
        spent = max(one.finish for one in done)
        known = run.one_by_one and self.exports
        return Measurement(
            rows_per_second=sum(one.rows for one in done) / spent,
            percentiles_ms=percents,
            requests=len(latencies),
            delayed_percent=0.0 if self.stretched < 1.05 else 90.0,
            latencies_ms=tuple(latencies) if known else (),
            sent_ns=tuple(round(at * 1e9) for at, _, _, _ in answers) if known else (),
            sent_rows=tuple(rows for _, _, rows, _ in answers) if known else (),
            sent_lengths=tuple(length for *_, length in answers) if known else (),
        )


class FakeWatch:
    """Reads what the fake counted in the run, at the intervals of the real one."""

    def __init__(self, counters: Any) -> None:
        self._fake: FakeTriton = counters.__self__
        self.readings: list[Counters] = []

    def __enter__(self) -> Self:
        self._fake.readings = []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.readings = self._fake.readings if self._fake.counts else []


def _readings(done: Sequence[Execution]) -> list[Counters]:
    """Totals at the end of each window."""
    left = sorted(done, key=lambda one: one.finish)
    executions: dict[int, tuple[int, int]] = {}
    requests = request_ns = queue_ns = rows = number = 0
    end = WINDOW * (int(left[-1].finish / WINDOW) + 1)
    found = [Counters(at=0.0, executions={}, requests=0, request_ns=0, queue_ns=0, rows=0)]
    for at in np.arange(WINDOW, end + WINDOW / 2, WINDOW):
        while number < len(left) and left[number].finish <= at:
            one, number = left[number], number + 1
            known = executions.get(one.rows, (0, 0))
            executions[one.rows] = (known[0] + 1, known[1] + round(one.seconds * 1e9))
            requests += len(one.requests)
            request_ns += round(sum(one.finish - sent for sent, _, _ in one.requests) * 1e9)
            queue_ns += round(sum(one.start - sent for sent, _, _ in one.requests) * 1e9)
            rows += one.rows
        found.append(
            Counters(
                at=float(at),
                executions=dict(executions),
                requests=requests,
                request_ns=request_ns,
                queue_ns=queue_ns,
                rows=rows,
            )
        )
    return found


def _value(part: Part, name: str) -> int:
    (word,) = [word for word in part.words if word.startswith(f"{name}=")]
    return int(word.partition("=")[2])


def growing(setting: Setting, server: int = 100, fixed: int = 40, row: int = 5) -> MemoryUse:
    """Memory by instances and batch size, mebibytes in."""
    each = fixed + row * setting.max_batch_size
    return MemoryUse(server=server * MIB, instances=setting.option.instances * each * MIB)
