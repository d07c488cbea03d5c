"""T2, model by model: the highest rates, and answers in time at the same rates for everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench_figures.rows import Figures

from tuner_figures.bench import Bench
from tuner_figures.loads import traces
from tuner_figures.loads.arrivals import POISSON, Shape
from tuner_figures.loads.generator import Generator, Window
from tuner_figures.loads.windows import seconds_for
from tuner_figures.models import artifacts
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import MODELS, chosen
from tuner_figures.peers.modes import OURS, peer
from tuner_figures.peers.searching import picks
from tuner_figures.serving.settings import Setting, distinct, turned
from tuner_figures.serving.triton import serving

from .bracket import (
    FIRST_SPREAD,
    FIRST_STEPS,
    NEXT_SPREAD,
    NEXT_STEPS,
    OTHER_SPREAD,
    Bracket,
)
from .findings import (
    COMMON_SHARES,
    VIOLATIONS_MOST,
    Carried,
    common_rate,
    figures,
    together,
    usual,
)

#: Requests under way in the closed loop that says where to look.
_UNDER_WAY = 32
_QUICK_STEPS, _QUICK_SECONDS = 2, 1.5
#: Between the seeds of a rate and of its second try.
_AGAIN = 50_000


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each model, as they come; then those of all, if all were measured.

    Raises:
        HarnessError: no such model or trace; something cannot be served.
    """
    carried = []
    for model in chosen(bench.models, quick=bench.quick):
        artifact = artifacts.ensure(bench, model)
        named = usual(picks(bench, artifact, waiting=False))
        carried.append(_carried(bench, artifact, named))
        yield figures(carried[-1])
    if len(carried) == len(MODELS) or bench.quick:
        yield together(carried)


def _carried(bench: Bench, artifact: Artifact, named: dict[str, Setting]) -> Carried:
    settings, folder = distinct(list(named.values())), bench.work / "rates" / artifact.model.name
    with serving(bench, artifact, settings[0], folder) as triton:
        generator = Generator(bench=bench, triton=triton, folder=folder)
        sending = _Sending(bench=bench, generator=generator, settings=settings)
        highest: dict[tuple[str, Setting], list[float]] = {}
        first = {setting: sending.closed(setting) for setting in settings}
        for shape in traces.shapes(bench.traces, artifact.model.window_seconds):
            found = sending.highest(shape, first)
            highest |= {(shape.name, setting): rates for setting, rates in found.items()}
            if shape == POISSON:
                first = {
                    s: Bracket.around(rates[-1], OTHER_SPREAD) if rates[-1] else first[s]
                    for s, rates in found.items()
                }
        goodput: dict[tuple[float, Setting], list[float]] = {}
        if (ours := named.get(OURS)) is not None:
            top = common_rate(highest, POISSON.name, ours)
            for share in COMMON_SHARES if top else ():
                found = sending.goodput(share * top)
                goodput |= {(share, setting): values for setting, values in found.items()}
    return Carried(
        model=artifact.model.name,
        peer=peer(bench.modes).name,
        named=named,
        highest=highest,
        goodput=goodput,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    """All settings in turns on one Triton."""

    bench: Bench
    generator: Generator
    settings: Sequence[Setting]

    @property
    def goal_ms(self) -> float:
        """Of the model."""
        return self.generator.triton.artifact.model.goal_ms

    @property
    def _least(self) -> float:
        """Seconds of a window."""
        return self.generator.triton.artifact.model.window_seconds

    def highest(self, shape: Shape, first: Mapping[Setting, Bracket]) -> dict[Setting, list[float]]:
        """By repeat, the highest rate at which at most a hundredth comes too late."""
        found: dict[Setting, list[float]] = defaultdict(list)
        brackets = dict(first)
        for repeat in range(self.bench.repeats):
            steps = FIRST_STEPS if repeat == 0 and shape == POISSON else NEXT_STEPS
            for step in range(_QUICK_STEPS if self.bench.quick else steps):
                for setting in turned(self.settings, repeat + step):
                    rate, seed = brackets[setting].next, 100 * repeat + step
                    holds = self._holds(shape, setting, rate, seed)
                    brackets[setting] = brackets[setting].narrowed(holds=holds)
            for setting in self.settings:
                found[setting].append(brackets[setting].found)
                brackets[setting] = Bracket.around(brackets[setting].low, NEXT_SPREAD)
        return found

    def goodput(self, rate: float) -> dict[Setting, list[float]]:
        """By round, answers within the goal a second."""
        found: dict[Setting, list[float]] = defaultdict(list)
        for number in range(self.bench.repeats):
            for setting in turned(self.settings, number):
                window = self._window(POISSON, setting, rate, 10_000 + number)
                found[setting].append(window.requests.goodput(self.goal_ms))
        return found

    def closed(self, setting: Setting) -> Bracket:
        """Where to look for the highest rate, by what it answers in a closed loop."""
        self.generator.triton.serve(setting)
        seconds = _QUICK_SECONDS if self.bench.quick else self._least
        closed = self.generator.closed(_UNDER_WAY, seconds)
        return Bracket.around(closed.rows_per_second(), FIRST_SPREAD)

    def _holds(self, shape: Shape, setting: Setting, rate: float, seed: int) -> bool:
        """A rate that cannot be sent in time does not hold either: no core is left for it.

        What fails is asked once more: a moment of the machine would else halve the bracket for
        good.
        """
        windows = (self._window(shape, setting, rate, seed + again) for again in (0, _AGAIN))
        return any(
            window.counts and window.requests.violations(self.goal_ms) <= VIOLATIONS_MOST
            for window in windows
        )

    def _window(self, shape: Shape, setting: Setting, rate: float, seed: int) -> Window:
        self.generator.triton.serve(setting)
        seconds = _QUICK_SECONDS if self.bench.quick else seconds_for(rate, self._least)
        window = self.generator.at_rate(shape, rate, seconds, seed)
        late = f", {window.late:.1%} sent late" if not window.counts else ""
        share = window.requests.violations(self.goal_ms)
        head = f"  {self.generator.triton.name}, {setting.words()}, {shape.name} {rate:.1f} rows/s"
        self.bench.say(f"{head}: {share:.2%} beyond the goal{late}")
        return window
