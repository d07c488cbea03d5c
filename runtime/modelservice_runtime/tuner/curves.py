"""The first part of a tuning: the curve of every option that is worth it, in a few short runs.

Of each option one run under full load and one at a rate that climbs beyond what that gave: the
executions in both, as Triton counts them, are of all batch sizes. Where clients wait for their
answers, full load is what serves them, and tells all of several instances once one is known.
Repeated while the interval is too wide to decide. Where requests have several lengths, all of it is
measured with one of them, and for the best option of a variant what the others take beside it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from . import curve, runs
from .bench import Bench, Sample
from .deadline import Deadline
from .errors import (
    MEASUREMENT_FAILED,
    Infrastructure,
    LoadFailed,
    TooLate,
    TritonDied,
    TuneError,
    UserError,
)
from .figures import figure
from .length_factors import LengthFactors, LengthRuns, by_length, factors_of, unmeasured
from .measured_option import MeasuredOption
from .memory_plan import need
from .padding import Padding
from .progress import say
from .question import Question
from .search import NOISE_SHARE, simulated, space
from .settings import Option, Setting, first_options, next_instances
from .simulation.by_length import ByLength, measured_lengths
from .simulation.service_time import ServiceTime

#: Of the throughput under full load: batches of all sizes form on the way, and at its end more
#: requests come than can be done.
CLIMB_SHARES = (0.3, 1.3)
#: One run at a rate takes at most this share of the time that is left.
RUN_SHARE = 0.2
#: Lone requests whose median is below this share of the goal, and which miss it at the percentile
#: all the same, are measured again so often: a busy machine looks like that.
CALM_SHARE, LONE_REPEATS = 0.5, 4
#: A larger batch is tried while a full one takes no more than this share of the goal.
GROW_SHARE = 0.6
#: Options that carry this much of the best are measured on while their curve is not known well …
NEAR_SHARE = 0.85
#: … in so many more runs. A further variant whose first option carries less is left alone.
MORE_RUNS = 2
#: Another instance must gain as much to make one more worth a look.
INSTANCE_GAIN = 0.10


@dataclass(slots=True, kw_only=True)
class Curves:
    """``options``: measured so far. ``alone_ms``: a lone row at the percentile, by variant.

    ``padding``: by variant, where the traffic has lengths. ``factors``: of the other lengths.
    """

    bench: Bench
    question: Question
    variants: tuple[str, ...]
    options: dict[Option, MeasuredOption] = field(default_factory=dict)
    alone_ms: dict[str, float] = field(default_factory=dict)
    padding: dict[str, Padding] = field(default_factory=dict)
    factors: dict[str, LengthFactors] = field(default_factory=dict)

    def measure(self, deadline: Deadline) -> None:
        """All that there is time for.

        Raises:
            TuneError: not even one variant could be asked a single row; in words.
        """
        failures: list[TuneError] = []
        for variant in self.variants:
            try:
                self._variant(variant, deadline)
            except (UserError, TritonDied, LoadFailed) as error:
                self.bench.notes.append(f"{variant} was given up: {error.message}")
                failures.append(error)
        if not self.alone_ms:
            raise failures[0]
        if not self.models():
            words = (
                "Triton does not say what it executed: its statistics API is closed, most likely"
            )
            raise Infrastructure(MEASUREMENT_FAILED, words)
        self._other_lengths(deadline)
        self._choose_padding()
        self._tighten(deadline)

    def _other_lengths(self, deadline: Deadline) -> None:
        """What they take at the best option of each variant that is near the best of all."""
        declared = tuple(share.length for share in self.question.traffic.lengths)
        others = [n for n in measured_lengths(declared) if n != self.question.curve_length]
        if not others:
            return
        carried = {option: self._carries(option) for option in self.loaded()}
        most = max(carried.values(), default=0.0)
        for option in sorted(carried, key=lambda each: -carried[each]):
            if carried[option] >= NEAR_SHARE * most and option.variant not in self.factors:
                self.factors[option.variant] = self._factors(option, others, deadline)

    def _choose_padding(self) -> None:
        """Where padding is right, and yet equal lengths alone carry more, these it is.

        A few very long requests make whole batches of short ones long.
        """
        for variant, found in list(self.padding.items()):
            if not found.allowed or found.fixed:
                continue
            padded = self._carries_most(variant)
            self.padding[variant] = replace(found, allowed=False)
            apart = self._carries_most(variant)
            if apart <= padded * (1 + NOISE_SHARE):
                self.padding[variant] = found
                continue
            why = f"padding would be right, but carries {figure(padded)} rows/s simulated,"
            self.padding[variant] = Padding(allowed=False, why=f"{why} these {figure(apart)}")
            self.bench.server.keep_apart(variant)

    def _carries_most(self, variant: str) -> float:
        own = [option for option in self.loaded() if option.variant == variant]
        return max((self._carries(option) for option in own), default=0.0)

    def _factors(self, option: Option, lengths: Sequence[int], deadline: Deadline) -> LengthFactors:
        seen, curve_length = self.options[option], self.question.curve_length
        largest = max(point.batch for point in seen.points)
        setting = Setting(option=option, max_batch_size=largest)
        measured = {n: self._runs_of(setting, n, deadline) for n in lengths}
        base, sizes = self._plain_models()[option], (self.question.least_batch, largest)
        return factors_of(base, curve_length, measured, sizes)

    def _runs_of(self, setting: Setting, length: int, deadline: Deadline) -> LengthRuns:
        """One of lone requests of this length and one under full load."""
        longer = max(1.0, length / self.question.curve_length)
        alone = longer * self.alone_ms[setting.option.variant]
        lone = runs.closed(1, alone, self.question.least_batch, length)
        full = self._full_run(setting, longer * self._expected_ms(setting), length)
        samples = [self.bench.measure(setting, run, deadline) for run in (lone, full)]
        words = f"{setting.option.words()}: requests of length {length}"
        say("latency by batch", self._fraction(), words)
        counted = [sample.windows if sample is not None else () for sample in samples]
        return LengthRuns(lone=counted[0], full=counted[1])

    def _tighten(self, deadline: Deadline) -> None:
        """Measure on where the interval of a curve is too wide to tell the best options apart."""
        for _ in range(MORE_RUNS):
            carried = {option: self._carries(option) for option in self.loaded()}
            most = max(carried.values(), default=0.0)
            loose = [
                option
                for option, rows in carried.items()
                if rows >= NEAR_SHARE * most and self.options[option].is_loose
            ]
            if not loose:
                return
            option = max(loose, key=lambda each: carried[each])
            seen = self.options[option]
            largest = max(point.batch for point in seen.points)
            setting = Setting(option=option, max_batch_size=largest)
            again = self._full if self._is_known_in_a_loop(option) else self._at_rate
            if not again(setting, seen, deadline):
                return
            say("latency by batch", self._fraction(), f"{option.words()}: measured once more")

    def models(self) -> dict[Option, ServiceTime]:
        """Of every option that enough is known of."""
        return {
            option: replace(model, by_length=self._by_length(option.variant))
            for option, model in self._plain_models().items()
        }

    def _by_length(self, variant: str) -> ByLength | None:
        """Of a variant whose lengths were not measured as of one whose were."""
        known = self.factors.get(variant) or next(iter(self.factors.values()), None)
        padding = self.padding.get(variant)
        return by_length(
            known or unmeasured(self.question.curve_length),
            self.question.traffic,
            padded=padding is not None and padding.allowed,
        )

    def _plain_models(self) -> dict[Option, ServiceTime]:
        """Of requests of the curve's length alone."""
        found: dict[Option, ServiceTime] = {}
        for option in sorted(self.options, key=lambda each: each.instances):
            single = Option(variant=option.variant, instances=1, threads=option.threads)
            model = self.options[option].service(found.get(single))
            if model is not None:
                found[option] = model
        return {option: found[option] for option in self.options if option in found}

    def noise(self) -> float:
        """By which share the machine's speed scatters, over the options that were loaded."""
        seen = [curve.noise(one.windows) for one in self.options.values() if one.busy]
        return median(seen) if seen else 0.0

    def loaded(self) -> dict[Option, ServiceTime]:
        """Those of them that were seen under load: what is known of lone rows alone is a guess."""
        models = self.models()
        return {option: models[option] for option in models if self.options[option].busy}

    def _variant(self, variant: str, deadline: Deadline) -> None:
        limits = self.question.limits
        pairs = first_options(limits)
        best = self._best_option()
        if best is not None:
            # A further variant shows at the best place so far what it is worth.
            first = (best.instances, best.threads)
            pairs = (first, *(pair for pair in pairs if pair != first))
        options = [Option(variant=variant, instances=i, threads=t) for i, t in pairs]
        if not self._asked_lengths(options[0], deadline) or not self._alone(options[0], deadline):
            return
        if self.alone_ms[variant] > self.question.objective.milliseconds:
            return
        for number, option in enumerate(options):
            self._option(option, deadline)
            if number == 0 and best is not None and not self._is_near(option):
                return
        self._more_instances(variant, deadline)

    def _asked_lengths(self, option: Option, deadline: Deadline) -> bool:
        """Ask the variant for requests of the traffic's lengths, if it has some.

        As with a lone row, the first variant has to answer.
        """
        if not self.question.traffic.lengths:
            return True
        setting = Setting(option=option, max_batch_size=self.question.least_batch)
        try:
            self.padding[option.variant] = self.bench.padding(setting, deadline)
        except TooLate as error:
            if not self.alone_ms:
                raise
            self.bench.notes.append(f"{option.variant} was given up: {error.message}")
            return False
        return True

    def _alone(self, option: Option, deadline: Deadline) -> bool:
        """One row after another, with a batch of one: the least that there is.

        The first variant has to be measured; without a further one there is still a choice.
        """
        say("loading", self._fraction(), f"starting Triton with {option.variant}")
        setting = Setting(option=option, max_batch_size=self.question.least_batch)
        rows, length = self.question.least_batch, self.question.curve_length
        known = min(self.alone_ms.values(), default=0.0)
        seen = self._seen(option)
        if known:
            # Windows of time end, however much slower than the other variants this one is.
            run = runs.closed(1, known, rows, length)
        else:
            probed = self._once(setting, runs.probe(length), deadline)
            if probed is None:
                return False
            seen.windows += probed.windows
            run = runs.lone(rows, probed.measurement.percentile_ms(50), length)
        sample = self._once(setting, run, deadline)
        if sample is None:
            return False
        seen.add_lone(sample)
        alone = self._at_goal(sample)
        for _ in range(LONE_REPEATS):
            if not self._looks_disturbed(alone, sample):
                break
            again = self._once(setting, run, deadline)
            if again is None:
                break
            if self._at_goal(again) < alone:
                sample, alone = again, self._at_goal(again)
                seen.add_lone(again)
        self.alone_ms[option.variant] = alone
        say("latency by batch", self._fraction(), f"{setting.words()}: {alone:.2f} ms alone")
        return True

    def _at_goal(self, sample: Sample) -> float:
        """Milliseconds at the objective's percentile."""
        return sample.measurement.at_or_finest(self.question.objective.percentile)

    def _looks_disturbed(self, alone: float, sample: Sample) -> bool:
        """Whether lone requests miss the goal, and yet most are far within it."""
        goal = self.question.objective.milliseconds
        return alone > goal and sample.measurement.percentile_ms(50) <= CALM_SHARE * goal

    def _once(self, setting: Setting, run: runs.Run, deadline: Deadline) -> Sample | None:
        if self.alone_ms:
            return self.bench.measure(setting, run, deadline)
        return self.bench.first(setting, run)

    def _option(self, option: Option, deadline: Deadline) -> None:
        seen = self._seen(option)
        size = self._first_size(option)
        while True:
            setting = Setting(option=option, max_batch_size=size)
            if not self._full(setting, seen, deadline):
                return
            larger = self._larger(size, seen)
            if larger == size:
                break
            size = larger
        if not self._is_known_in_a_loop(option):
            self._at_rate(setting, seen, deadline)
        self._say(setting, seen)

    def _is_known_in_a_loop(self, option: Option) -> bool:
        """Whether full load tells all of it: clients wait, and one instance is known at all sizes.

        What is missing then is how much slower several are side by side.
        """
        one = replace(option, instances=1)
        return bool(self.question.clients) and option != one and one in self.loaded()

    def _full(self, setting: Setting, seen: MeasuredOption, deadline: Deadline) -> bool:
        _, words = need(setting, self.bench.memory(), self.question.memory_bytes)
        if words:
            self.bench.notes.append(f"{setting.words()} was left out: {words}")
            return False
        run = self._full_run(setting, self._expected_ms(setting), self.question.curve_length)
        sample = self.bench.measure(setting, run, deadline)
        if sample is None:
            return False
        seen.add(sample, full=True)
        return bool(seen.busy)

    def _full_run(self, setting: Setting, expected_ms: float, length: int) -> runs.Run:
        """As many clients as keep every instance busy with full batches of ``expected_ms``."""
        rows = round(self.question.traffic.mean_rows)
        size = setting.max_batch_size
        clients = max(2, -(-2 * size * setting.option.instances // rows))
        return runs.closed(clients, 2 * expected_ms, rows, length)

    def _at_rate(self, setting: Setting, seen: MeasuredOption, deadline: Deadline) -> bool:
        low, high = (share * seen.throughput for share in CLIMB_SHARES)
        left = deadline.remaining(time.monotonic())
        mean = (low + high) / 2 / self.question.traffic.mean_rows
        count = runs.open_requests(mean, RUN_SHARE * left) if mean > 0 else 0
        if not count:
            return False
        source = self.question.source.of_length(self.question.curve_length)
        requests = source.climbing((low, high), count, seed=len(seen.windows))
        sample = self.bench.measure(setting, runs.open_loop(requests), deadline)
        if sample is None:
            return False
        seen.add(sample)
        return True

    def _more_instances(self, variant: str, deadline: Deadline) -> None:
        limits = self.question.limits
        threads = limits.fixed_threads or 1
        while True:
            tried = {
                option.instances: self._carries(option)
                for option in self.options
                if option.variant == variant and option.threads == threads
            }
            more = next_instances(tried, limits, INSTANCE_GAIN)
            if more is None or deadline.remaining(time.monotonic()) == 0.0:
                return
            self._option(Option(variant=variant, instances=more, threads=threads), deadline)
            if Option(variant=variant, instances=more, threads=threads) not in self.models():
                return

    def _first_size(self, option: Option) -> int:
        """As many rows as could be done within half of the goal, if each took as long as one."""
        limits, goal_ms = self.question.limits, self.question.objective.milliseconds
        wanted = goal_ms / (2 * self.alone_ms[option.variant])
        size = 1
        while size < wanted:
            size *= 2
        return max(self.question.least_batch, min(size, limits.max_batch_size))

    def _larger(self, size: int, seen: MeasuredOption) -> int:
        """The batch size to try next; ``size`` itself where larger ones take too long."""
        model, most = self.models().get(seen.option), self.question.limits.max_batch_size
        allowed = GROW_SHARE * self.question.objective.milliseconds / 1000
        if model is None or size >= most or model.of(size) > allowed:
            return size
        return min(most, max(2 * size, int(size * allowed / model.of(size))))

    def _expected_ms(self, setting: Setting) -> float:
        """Of a full batch, from what is known of other options of the variant."""
        size = setting.max_batch_size
        known = [
            model.of(size) * 1000
            for option, model in self.loaded().items()
            if option.variant == setting.option.variant
        ]
        return max(known) if known else self.alone_ms[setting.option.variant] * size

    def _is_near(self, option: Option) -> bool:
        others = [self._carries(other) for other in self.options if other != option]
        return self._carries(option) >= NEAR_SHARE * max(others, default=0.0)

    def _best_option(self) -> Option | None:
        carried = {option: self._carries(option) for option in self.loaded()}
        return max(carried, key=lambda option: carried[option]) if carried else None

    def _carries(self, option: Option) -> float:
        """Rows a second of its best setting, simulated."""
        model = self.loaded().get(option)
        if model is None:
            return 0.0
        models = {option: model}
        order = simulated(space(models, self.question), models, self.question, _unknown)
        return order[0].rows_per_second if order else 0.0

    def _seen(self, option: Option) -> MeasuredOption:
        if option not in self.options:
            waiting = bool(self.question.clients)
            self.options[option] = MeasuredOption(option=option, waiting=waiting)
            same = (one for known, one in self.options.items() if known.variant == option.variant)
            alone = next((one for one in same if len(one.spread) > 1), None)
            if alone is not None:
                self.options[option].spread = alone.spread
                self.options[option].overhead_ms = alone.overhead_ms
        return self.options[option]

    def _say(self, setting: Setting, seen: MeasuredOption) -> None:
        points = seen.points
        largest = f"{points[-1].batch} rows in {points[-1].milliseconds:.2f} ms" if points else ""
        words = f"{setting.option.words()}: {largest}, {figure(seen.throughput)} rows/s at most"
        say("latency by batch", self._fraction(), words)

    def _fraction(self) -> float:
        done = len(self.bench.samples)
        return 0.05 + 0.45 * done / (done + 12)


def _unknown(setting: Setting) -> tuple[int, str]:
    del setting
    return 0, ""
