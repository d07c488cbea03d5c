"""T4, model by model: configurations measured twice, and simulated from the tuner's own curves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
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
from tuner_figures.models import artifacts
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import PERCENTILE, TunedModel, chosen
from tuner_figures.serving.ending import started
from tuner_figures.serving.settings import Setting, turned
from tuner_figures.serving.triton import Triton, serving

from .findings import (
    CALIBRATED,
    ITSELF,
    OPEN_SHARES,
    RAW,
    Compared,
    Seen,
    figures,
    is_fitted,
    settings,
)

_QUICK_SETTINGS, _QUICK_SHARE = 4, 0.25
_LIMIT_SECONDS = 1800.0
_ANSWER = "ANSWER "

Key = tuple[Setting, float]


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each model, as they come.

    Raises:
        HarnessError: no such model; it cannot be served; the tuner does not simulate it.
    """
    for model in chosen(bench.models, quick=bench.quick):
        artifact, folder = artifacts.ensure(bench, model), bench.work / "fidelity" / model.name
        wanted = settings(model.max_batch)
        wanted = wanted[-_QUICK_SETTINGS:] if bench.quick else wanted
        with serving(bench, artifact, wanted[0], folder) as triton:
            passes = _Passes(generator=Generator(bench=bench, triton=triton, folder=folder))
            first = passes.measured(wanted, {}, 1)
            again = passes.measured(wanted, {key: found.rate for key, found in first.items()}, 1)
            raw, calibrated = _predicted(bench, artifact, triton, folder, first)
        yield figures(
            model.name,
            [
                Compared(
                    setting=setting,
                    share=share,
                    measured=found.seen,
                    found={RAW: raw[n], CALIBRATED: calibrated[n], ITSELF: again[key].seen},
                    fitted=is_fitted(setting, share, model.max_batch),
                )
                for n, (key, found) in enumerate(first.items())
                for setting, share in [key]
            ],
        )


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
        self, wanted: tuple[Setting, ...], rates: Mapping[Key, float], seed: int
    ) -> dict[Key, Measured]:
        """``rates``: to send at; empty: the first pass, which finds them."""
        found: dict[Key, Measured] = {}
        for setting in turned(wanted, len(rates)):
            self.generator.triton.serve(setting)
            clients = 2 * setting.batch * setting.instances
            closed = self.generator.closed(clients, self._seconds())
            found[setting, 0.0] = Measured(requests=closed, rate=0.0, clients=clients)
            for share in OPEN_SHARES:
                rate = rates.get((setting, share)) or share * closed.rows_per_second()
                window = self.generator.at_rate(POISSON, rate, self._seconds(), seed)
                found[setting, share] = Measured(
                    requests=window.requests, rate=rate, clients=0, executions=window.executions
                )
            self._say(setting, found[setting, 0.0])
        return {(s, share): found[s, share] for s in wanted for share in (0.0, *OPEN_SHARES)}

    def _seconds(self) -> float:
        seconds = 2 * self.generator.triton.artifact.model.window_seconds
        return seconds * _QUICK_SHARE if self.generator.bench.quick else seconds

    def _say(self, setting: Setting, closed: Measured) -> None:
        rows = closed.seen.rows_per_second
        name = self.generator.triton.name
        self.generator.bench.say(f"  {name}, {setting.words()}: {rows:.1f} rows/s, and at rates")


def _predicted(
    bench: Bench, artifact: Artifact, triton: Triton, folder: Path, first: Mapping[Key, Measured]
) -> tuple[list[Seen], list[Seen]]:
    work, log = folder / "work.json", folder / "predicting.log"
    model = artifact.model
    words = {
        "url": triton.address,
        "model": model.name,
        "inputs": str(artifact.inputs),
        "goal_ms": model.goal_ms,
        "batch": model.max_batch,
        "points": [_point(model, key, found) for key, found in first.items()],
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


def _point(model: TunedModel, key: Key, found: Measured) -> dict[str, Any]:
    setting, share = key
    return {
        "batch": setting.batch,
        "instances": setting.instances,
        "threads": setting.threads,
        "clients": found.clients,
        "sent": [] if found.clients else found.requests.sent,
        "fitted": is_fitted(setting, share, model.max_batch),
        "p50_ms": found.seen.p50_ms,
        "p99_ms": found.seen.p99_ms,
        "violations": found.requests.violations(model.goal_ms),
        "executions": [[size, *pair] for size, pair in found.executions.items()],
    }
