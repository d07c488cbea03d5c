"""All settings that anyone picked, measured anew on one Triton, in turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tuner_figures.bench import Bench
from tuner_figures.loads.generator import Generator
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import PERCENTILE
from tuner_figures.serving.settings import Setting, turned
from tuner_figures.serving.triton import serving

from .findings import Reading, Score, promising

#: Requests under way at the same time.
LADDER, QUICK_LADDER = (1, 2, 4, 8, 12, 16, 24, 32, 48), (1, 4)
#: Of them the best few of each setting are measured in every round.
KEPT = 3
#: Of windows; as many as there are repeats, where those are more. Two windows of the same setting
#: have differed by a third on shared cores.
ROUNDS, QUICK_ROUNDS = 3, 1
_SHORT = 0.4


def scores(
    bench: Bench, artifact: Artifact, settings: Sequence[Setting], folder: Path
) -> dict[Setting, Score]:
    """Of every setting, in the same rounds.

    Raises:
        CommandFailed: one of them cannot be measured.
    """
    goal_ms = artifact.model.goal_ms
    with serving(bench, artifact, settings[0], folder) as triton:
        generator = Generator(bench=bench, triton=triton, folder=folder)
        rounds = _Rounds(bench=bench, generator=generator)
        for setting in settings:
            short = rounds.readings(setting, QUICK_LADDER if bench.quick else LADDER, _SHORT)
            rounds.kept[setting] = promising(short, goal_ms, KEPT)
        count = max(bench.repeats, QUICK_ROUNDS if bench.quick else ROUNDS)
        for number in range(count):
            for setting in turned(settings, number):
                rounds.found[setting] += rounds.readings(setting, rounds.kept[setting], 1.0)
            bench.say(f"  {artifact.model.name}: round {number + 1} of {count} measured")
    return {s: Score.of(rounds.found[s], goal_ms) for s in settings}


class _Rounds:
    """``kept``: requests under way that are worth measuring; ``found``: readings so far."""

    def __init__(self, bench: Bench, generator: Generator) -> None:
        self.kept: dict[Setting, tuple[int, ...]] = {}
        self.found: dict[Setting, list[Reading]] = defaultdict(list)
        self._bench, self._generator = bench, generator

    def readings(
        self, setting: Setting, concurrencies: Sequence[int], share: float
    ) -> list[Reading]:
        """``share``: of the model's window."""
        model = self._generator.triton.artifact.model
        seconds = model.window_seconds * share * (0.25 if self._bench.quick else 1.0)
        self._generator.triton.serve(setting)
        made = []
        for concurrency in concurrencies:
            found = self._generator.closed(concurrency, seconds)
            reading = Reading(
                concurrency=concurrency,
                rows_per_second=found.rows_per_second(),
                latency_ms=found.percentile_ms(PERCENTILE),
            )
            made.append(reading)
            self._bench.say(f"  {model.name}, {setting.words()}: {reading.words()}")
        return made
