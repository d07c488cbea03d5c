"""T3, model by model: every way to change a tuning, in turns, while clients go on asking."""

from __future__ import annotations

import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import tail
from tuner_figures.bench import SERVING, Bench
from tuner_figures.models import artifacts
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import chosen
from tuner_figures.serving.ending import started
from tuner_figures.serving.settings import Setting
from tuner_figures.serving.triton import Ports, Triton, serving

from .findings import CONTROL, IN_PLACE, RESTART, UNLOAD, WAYS, Met, figures

CLIENTS = 4
CHANGES, QUICK_CHANGES = 5, 2
#: Between two changes.
PAUSE_SECONDS = 2.0
#: Of the one client that asks at random times, beside those that wait for their answers.
RATES = {"add": 50.0, "digits": 20.0, "sentence-encoder": 2.0}
_WAIT_SECONDS = 60.0


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each model, as they come.

    Raises:
        HarnessError: no such model; it cannot be served.
    """
    for model in chosen(bench.models, quick=bench.quick):
        artifact = artifacts.ensure(bench, model)
        met: dict[str, list[Met]] = defaultdict(list)
        for number in range(bench.repeats):
            for way in WAYS if number % 2 == 0 else WAYS[::-1]:
                run = Run(bench=bench, artifact=artifact, folder=bench.work / "retune" / model.name)
                met[way].append(run.by(way))
                bench.say(f"  {model.name}, {way}: {met[way][-1].words()}")
        yield figures(model.name, met)


@dataclass(slots=True, kw_only=True)
class Run:
    """One Triton, changed in one way while clients ask. ``stack``: it is in it."""

    bench: Bench
    artifact: Artifact
    folder: Path
    ports: Ports = field(default_factory=Ports.free)
    stack: ExitStack = field(default_factory=ExitStack)

    def by(self, way: str) -> Met:
        """What the clients met with.

        Raises:
            CommandFailed: Triton or the clients broke off.
        """
        batch = self.artifact.model.max_batch
        settings = (
            Setting(batch=batch, instances=1, threads=1),
            Setting(batch=max(1, batch // 2), instances=2, threads=1),
        )
        count = QUICK_CHANGES if self.bench.quick else CHANGES
        changes = [settings[(number + 1) % 2] for number in range(count)]
        with self.stack:
            triton = self._start(settings[0])
            log = self.folder / "clients.log"
            with started(self._clients(triton), self.bench.variables(), log) as clients:
                _wait_for(clients, log)
                for setting in changes:
                    time.sleep(PAUSE_SECONDS)
                    triton = self._changed(triton, setting, way)
                time.sleep(PAUSE_SECONDS)
                clients.terminate()
                clients.wait(_WAIT_SECONDS)
        return Met.of(0 if way == CONTROL else count, _last(log))

    def _start(self, setting: Setting) -> Triton:
        timeout_us = round(1000 * self.artifact.model.goal_ms)
        made = serving(
            self.bench, self.artifact, setting, self.folder, ports=self.ports, timeout_us=timeout_us
        )
        return self.stack.enter_context(made)

    def _changed(self, triton: Triton, setting: Setting, way: str) -> Triton:
        if way == RESTART:
            self.stack.close()
            return self._start(setting)
        if way == UNLOAD:
            triton.post("unload")
            triton.write(setting)
            triton.post("load")
        if way == IN_PLACE:
            triton.serve(setting)
        return triton

    def _clients(self, triton: Triton) -> list[str]:
        name = self.artifact.model.name
        work = {
            "address": triton.address,
            "model": name,
            "inputs": str(self.artifact.inputs),
            "clients": CLIENTS,
            "rate": RATES[name],
        }
        python = self.bench.program(SERVING, "python")
        return [python, "-m", "tuner_figures.retune.clients", json.dumps(work)]


def _wait_for(clients: subprocess.Popen[bytes], log: Path) -> None:
    """Until they ask."""
    latest = time.monotonic() + _WAIT_SECONDS
    while "started" not in log.read_text(encoding="utf-8"):
        if clients.poll() is not None or time.monotonic() > latest:
            raise CommandFailed(f"the clients do not start: {tail(log, 5)}")
        time.sleep(0.05)


def _last(log: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    except ValueError as error:
        raise CommandFailed(f"the clients broke off: {tail(log, 5)}") from error
    if "answered" not in found:
        raise CommandFailed(f"the clients broke off: {tail(log, 5)}")
    return found
