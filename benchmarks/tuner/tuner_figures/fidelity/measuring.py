"""T4, model by model: configurations measured twice, and simulated from the tuner's own curves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import tail
from tuner_figures.bench import SERVING, Bench
from tuner_figures.loads.arrivals import POISSON
from tuner_figures.loads.executions import Executions
from tuner_figures.loads.generator import Generator
from tuner_figures.loads.requests import Requests
from tuner_figures.loads.windows import seconds_for
from tuner_figures.models import artifacts
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import PERCENTILE, TunedModel, chosen
from tuner_figures.serving.ending import started
from tuner_figures.serving.settings import Setting, distinct, turned
from tuner_figures.serving.triton import Triton, serving

from .findings import (
    CALIBRATED,
    ITSELF,
    RAW,
    Compared,
    Key,
    Seen,
    calibrating,
    configurations,
    figures,
)

#: Instances and threads.
_QUICK_WAY, _QUICK_SHARE = (2, 1), 0.25
_SEED = 1
_LIMIT_SECONDS = 1800.0
_ANSWER = "ANSWER "


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each model, as they come.

    Raises:
        HarnessError: no such model; it cannot be served; the tuner does not simulate it.
    """
    for model in chosen(bench.models, quick=bench.quick):
        artifact, folder = artifacts.ensure(bench, model), bench.work / "fidelity" / model.name
        scored, fitted = configurations(model.max_batch), calibrating(model.max_batch)
        if bench.quick:
            scored, fitted = _of_one_way(scored), _of_one_way(fitted)
        with serving(bench, artifact, scored[0][0], folder) as triton:
            passes = _Passes(generator=Generator(bench=bench, triton=triton, folder=folder))
            first = passes.measured((*scored, *fitted), {}, 0)
            again = passes.measured(scored, {key: first[key].rate for key in scored}, 1)
            points = [_point(model, k, found, fitted=k in fitted) for k, found in first.items()]
            raw, calibrated = _predicted(bench, artifact, triton, folder, points)
        found = dict(zip(first, zip(raw, calibrated, strict=True), strict=True))
        yield figures(
            model.name,
            [
                Compared(
                    setting=key[0],
                    share=key[1],
                    measured=first[key].seen,
                    found={RAW: found[key][0], CALIBRATED: found[key][1], ITSELF: again[key].seen},
                    requests=len(first[key].requests.sent),
                )
                for key in scored
            ],
        )


def _of_one_way(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(key for key in keys if (key[0].instances, key[0].threads) == _QUICK_WAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``rate``: at which requests were sent, 0 for ``clients`` that wait for their answers."""

    requests: Requests
    rate: float
    clients: int
    executions: Executions = field(default_factory=dict)

    @property
    def seen(self) -> Seen:
        """What clients saw."""
        return Seen(
            rows_per_second=self.requests.rows_per_second(),
            p50_ms=self.requests.percentile_ms(50),
            p99_ms=self.requests.percentile_ms(PERCENTILE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passes:
    """All configurations on one Triton, one after another."""

    generator: Generator

    def measured(
        self, wanted: Sequence[Key], rates: Mapping[Key, float], number: int
    ) -> dict[Key, Measured]:
        """``rates``: to send at; empty: the first pass, which finds them. ``number``: of it."""
        found: dict[Key, Measured] = {}
        for setting in turned(distinct([setting for setting, _ in wanted]), number):
            self.generator.triton.serve(setting)
            for share in sorted(share for one, share in wanted if one == setting):
                key = setting, share
                if share == 0.0:
                    found[key] = self._closed(setting)
                    continue
                rows = rates.get(key) or share * found[setting, 0.0].seen.rows_per_second
                found[key] = self._at_rate(rows)
            self._say(setting, found[setting, 0.0])
        return {key: found[key] for key in wanted}

    def _closed(self, setting: Setting) -> Measured:
        clients = 2 * setting.batch * setting.instances
        requests = self.generator.closed(clients, self._share * self._least)
        return Measured(requests=requests, rate=0.0, clients=clients)

    def _at_rate(self, rate: float) -> Measured:
        seconds = self._share * seconds_for(rate, self._least)
        window = self.generator.at_rate(POISSON, rate, seconds, _SEED)
        return Measured(
            requests=window.requests, rate=rate, clients=0, executions=window.executions
        )

    @property
    def _least(self) -> float:
        return self.generator.triton.artifact.model.window_seconds

    @property
    def _share(self) -> float:
        return _QUICK_SHARE if self.generator.bench.quick else 1.0

    def _say(self, setting: Setting, closed: Measured) -> None:
        rows = closed.seen.rows_per_second
        name = self.generator.triton.name
        self.generator.bench.say(f"  {name}, {setting.words()}: {rows:.1f} rows/s, and at rates")


def _predicted(
    bench: Bench,
    artifact: Artifact,
    triton: Triton,
    folder: Path,
    points: Sequence[Mapping[str, Any]],
) -> tuple[list[Seen], list[Seen]]:
    work, log = folder / "work.json", folder / "predicting.log"
    model = artifact.model
    words = {
        "url": triton.address,
        "model": model.name,
        "inputs": str(artifact.inputs),
        "goal_ms": model.goal_ms,
        "batch": model.max_batch,
        "points": points,
    }
    work.write_text(json.dumps(words), encoding="utf-8")
    bench.say(f"  {model.name}: the tuner measures its curves and simulates")
    command = [
        bench.program(SERVING, "python"),
        "-m",
        "tuner_figures.fidelity.predicting",
        str(work),
    ]
    with started(command, bench.variables(), log) as process:
        try:
            code = process.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            code = -1
    lines = [x for x in log.read_text(encoding="utf-8").splitlines() if x.startswith(_ANSWER)]
    if code != 0 or not lines:
        raise CommandFailed(f"{model.name}: the tuner does not simulate it: {tail(log, 5)}")
    answer = json.loads(lines[-1].removeprefix(_ANSWER))
    return (
        [Seen(**item) for item in answer["raw"]],
        [Seen(**item) for item in answer["calibrated"]],
    )


def _point(model: TunedModel, key: Key, found: Measured, *, fitted: bool) -> dict[str, Any]:
    setting = key[0]
    return {
        "batch": setting.batch,
        "instances": setting.instances,
        "threads": setting.threads,
        "clients": found.clients,
        "sent": [] if found.clients else found.requests.sent,
        "fitted": fitted,
        "p50_ms": found.seen.p50_ms,
        "p99_ms": found.seen.p99_ms,
        "violations": found.requests.violations(model.goal_ms),
        "executions": [[size, *pair] for size, pair in found.executions.items()],
    }
