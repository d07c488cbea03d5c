"""The steps of a tuning: curves, simulation, the best few in turns, capacity."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from . import finding_capacity, finding_clients
from .bench import Bench
from .confirming import Confirming
from .curves import Curves
from .deadline import Deadline
from .errors import OUT_OF_MEMORY, UserError
from .figures import figure
from .finding_capacity import UNPROVEN_SHARE, Capacity
from .loading import Loading
from .memory_growth import is_suspected, leak
from .memory_plan import MIB, need, predicted
from .outcome import Tuned
from .progress import say
from .question import Question
from .search import Candidate, finalists, simulate, simulated, space
from .settings import Option, Setting

#: Runs that tell a leak from memory that is used again, at most.
MEMORY_RUNS = 6
#: The curves take at most this share of the time for the search.
CURVES_SHARE = 0.6


@dataclass(slots=True, kw_only=True)
class Tuning:
    """One tuning on one bench. ``variants``: names, at least one, the builder's choice first."""

    bench: Bench
    variants: tuple[str, ...]
    question: Question
    deadline: Deadline
    curves: Curves = field(init=False)
    confirming: Confirming = field(init=False)

    def __post_init__(self) -> None:
        self.curves = Curves(bench=self.bench, question=self.question, variants=self.variants)
        self.confirming = Confirming(bench=self.bench, question=self.question, memory=self._memory)

    def run(self, current: Setting | None = None) -> Tuned:
        """All steps; what was measured before the time was up is used.

        ``current``: what serves now, if its gain is to be told.

        Raises:
            TuneError: not even a lone row could be asked; in words.
        """
        began = time.monotonic()
        self.curves.measure(self.deadline.for_search(CURVES_SHARE))
        self.confirming.noise = self.curves.noise()
        models = self.curves.loaded()
        started = time.monotonic()
        order = simulated(space(models, self.question), models, self.question, self._memory)
        simulation_seconds = time.monotonic() - started
        say("simulating", 0.55, f"{len(order)} settings in {simulation_seconds:.1f} s")
        best = None
        if min(self.curves.alone_ms.values()) <= self.question.objective.milliseconds:
            until = self.deadline.for_search()
            best = self.confirming.best(order, until)
        capacity = self._capacity(best, order)
        chosen = capacity.candidate
        self._watch_memory(capacity)
        say("done", 1.0, f"capacity {figure(capacity.rows_per_second)} rows/s")
        return Tuned(
            question=self.question,
            chosen=chosen,
            met=self._is_kept_alone(chosen) and not capacity.missed,
            why=self._why(capacity, best, len(order)),
            capacity=capacity,
            order=order,
            options=dict(self.curves.options),
            trials=tuple(self.confirming.trials),
            first_fits=dict(self.confirming.first_fits),
            finalists=tuple(item.setting for item in finalists(order, self.question)),
            memory=self.bench.memory(),
            samples=tuple(self.bench.samples),
            alone_ms=dict(self.curves.alone_ms),
            current=self._now(current, capacity),
            notes=tuple(self.bench.notes),
            seconds=time.monotonic() - began,
            load_seconds=self.bench.load_seconds,
            runs=self.bench.runs,
            simulation_seconds=simulation_seconds,
            padding=dict(self.curves.padding),
            leak=leak(self.bench.memory_points()),
        )

    def _capacity(self, best: Candidate | None, order: tuple[Candidate, ...]) -> Capacity:
        if best is not None:
            if self.question.clients:
                return finding_clients.find(self.confirming, best, self.deadline)
            return finding_capacity.find_among(self.confirming, best, order, self.deadline)
        smallest = self._smallest(order)
        if not self._is_kept_alone(smallest):
            return finding_capacity.best_effort(self.confirming, smallest, self.deadline)
        if self.question.clients:
            alone = replace(smallest, clients=1)
            return finding_clients.find(self.confirming, alone, self.deadline)
        rate = (1 - UNPROVEN_SHARE) * smallest.throughput
        latency = self.curves.alone_ms[smallest.setting.option.variant]
        note = "only lone requests keep the objective: capacity is a cautious guess"
        return Capacity(rows_per_second=rate / 2, latency_ms=latency, candidate=smallest, note=note)

    def _watch_memory(self, capacity: Capacity) -> None:
        """More runs at the capacity where memory grew, until it is known whether it goes on."""
        loading = Loading(bench=self.bench, question=self.question)
        for number in range(MEMORY_RUNS):
            points = self.bench.memory_points()
            if leak(points) is not None or not is_suspected(points):
                return
            say("settings under load", 0.95, "memory grows: measured once more")
            chosen = capacity.candidate
            if capacity.clients:
                trial = loading.with_clients(chosen, capacity.clients, self.deadline)
            else:
                rows, seed = capacity.rows_per_second, 40 + number
                trial = loading.at_rate(chosen.setting, rows, seed, self.deadline)
            if trial is None:
                return

    def _is_kept_alone(self, candidate: Candidate) -> bool:
        """Whether lone requests of its variant keep the objective."""
        alone = self.curves.alone_ms[candidate.setting.option.variant]
        return alone <= self.question.objective.milliseconds

    def _smallest(self, order: tuple[Candidate, ...]) -> Candidate:
        """A lone row of what is fastest alone.

        Raises:
            UserError: not even that fits into the memory limit.
        """
        models, alone = self.curves.models(), self.curves.alone_ms
        variant = min(alone, key=lambda name: alone[name])
        option = next(
            (known for known in models if known.variant == variant),
            Option(variant=variant, instances=1, threads=1),
        )
        setting = Setting(option=option, max_batch_size=self.question.least_batch)
        known = next((item for item in order if item.setting == setting), None)
        smallest = known or simulate(setting, models[option], self.question, self._memory)
        if smallest.misfit:
            words = f"{setting.words()}: {smallest.misfit}"
            raise UserError(OUT_OF_MEMORY, f"{words}; raise spec.serving.resources.limits.memory")
        return smallest

    def _now(self, current: Setting | None, capacity: Capacity) -> float:
        """Rows a second that the setting of now carries; 0 where that is not known.

        As the corrected model of the chosen one has it, if they share variant and threads.
        """
        if current is None:
            return 0.0
        chosen = capacity.candidate
        if current.option == chosen.setting.option:
            service = chosen.service
        else:
            model = self.curves.models().get(current.option)
            if model is None:
                return 0.0
            service = model
        now = simulate(current, service, self.question, self._memory)
        return finding_capacity.strict_rate(now, self.question)

    def _memory(self, setting: Setting) -> tuple[int, str]:
        return need(setting, self.bench.memory(), self.question.memory_bytes)

    def _why(self, capacity: Capacity, best: Candidate | None, many: int) -> str:
        chosen = capacity.candidate
        words, goal = chosen.setting.words(), self.question.goal_words()
        alone = self.curves.alone_ms[chosen.setting.option.variant]
        if not self._is_kept_alone(chosen):
            return (
                f"{goal} cannot be kept: a lone request takes {alone:.1f} ms;"
                f" {words} serves as fast as it can"
            )
        if capacity.missed:
            most = f"carries most of {many} settings with the {capacity.clients} that keep it"
            return f"{capacity.missed}; {words}: {most}"
        if best is not None:
            loop = _loop_words(self.question, capacity)
            return f"{words}: carries most of {many} settings within {goal}{loop}"
        return f"{words}: only lone requests keep {goal} ({alone:.1f} ms)"


def _loop_words(question: Question, capacity: Capacity) -> str:
    """Of a closed loop: with how many, after a blank."""
    if not question.clients:
        return ""
    if question.or_fewer:
        return f" with {capacity.clients} requests in flight, of {question.clients} at most"
    return f" with {question.clients} requests in flight"


def peak_bytes(tuned: Tuned) -> int:
    """The most that was seen at the chosen setting, or at the one nearest to it."""
    setting = tuned.chosen.setting
    own = [item.total for item in tuned.memory if item.setting == setting]
    if own:
        return max(own)
    parts = predicted(setting, tuned.memory)
    return parts.total if parts else 256 * MIB
