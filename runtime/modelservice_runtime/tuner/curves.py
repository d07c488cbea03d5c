"""The first part of a tuning: the curve of every option that is worth it, in a few short runs.

Of each option one run under full load and one at a rate that climbs beyond what that gave: the
executions in both, as Triton counts them, are of all batch sizes. Repeated while the interval is
too wide to decide.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median

from . import curve, runs
from .bench import Bench, Sample
from .deadline import Deadline
from .errors import (
    MEASUREMENT_FAILED,
    Infrastructure,
    LoadFailed,
    TritonDied,
    TuneError,
    UserError,
)
from .figures import figure
from .measured_option import MeasuredOption
from .memory_plan import need
from .progress import say
from .question import Question
from .search import simulated, space
from .settings import Option, Setting, first_options, next_instances
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
    """``options``: measured so far. ``alone_ms``: a lone row at the percentile, by variant."""

    bench: Bench
    question: Question
    variants: tuple[str, ...]
    options: dict[Option, MeasuredOption] = field(default_factory=dict)
    alone_ms: dict[str, float] = field(default_factory=dict)

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
        self._tighten(deadline)

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
            if not self._at_rate(setting, seen, deadline):
                return
            say("latency by batch", self._fraction(), f"{option.words()}: measured once more")

    def models(self) -> dict[Option, ServiceTime]:
        """Of every option that enough is known of."""
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
        if not self._alone(options[0], deadline):
            return
        if self.alone_ms[variant] > self.question.objective.milliseconds:
            return
        for number, option in enumerate(options):
            self._option(option, deadline)
            if number == 0 and best is not None and not self._is_near(option):
                return
        self._more_instances(variant, deadline)

    def _alone(self, option: Option, deadline: Deadline) -> bool:
        """One row after another, with a batch of one: the least that there is.

        The first variant has to be measured; without a further one there is still a choice.
        """
        say("loading", self._fraction(), f"starting Triton with {option.variant}")
        setting = Setting(option=option, max_batch_size=self.question.least_batch)
        rows = self.question.least_batch
        known = min(self.alone_ms.values(), default=0.0)
        seen = self._seen(option)
        if known:
            # Windows of time end, however much slower than the other variants this one is.
            run = runs.closed(1, known, rows)
        else:
            probed = self._once(setting, runs.probe(), deadline)
            if probed is None:
                return False
            seen.windows += probed.windows
            run = runs.lone(rows, probed.measurement.percentile_ms(50))
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
        self._at_rate(setting, seen, deadline)
        self._say(setting, seen)

    def _full(self, setting: Setting, seen: MeasuredOption, deadline: Deadline) -> bool:
        _, words = need(setting, self.bench.memory(), self.question.memory_bytes)
        if words:
            self.bench.notes.append(f"{setting.words()} was left out: {words}")
            return False
        rows = round(self.question.traffic.mean_rows)
        size = setting.max_batch_size
        clients = max(2, -(-2 * size * setting.option.instances // rows))
        run = runs.closed(clients, 2 * self._expected_ms(setting), rows)
        sample = self.bench.measure(setting, run, deadline)
        if sample is None:
            return False
        seen.add(sample, full=True)
        return bool(seen.busy)

    def _at_rate(self, setting: Setting, seen: MeasuredOption, deadline: Deadline) -> bool:
        low, high = (share * seen.throughput for share in CLIMB_SHARES)
        left = deadline.remaining(time.monotonic())
        mean = (low + high) / 2 / self.question.traffic.mean_rows
        count = runs.open_requests(mean, RUN_SHARE * left) if mean > 0 else 0
        if not count:
            return False
        requests = self.question.source.climbing((low, high), count, seed=len(seen.windows))
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
            self.options[option] = MeasuredOption(option=option)
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
