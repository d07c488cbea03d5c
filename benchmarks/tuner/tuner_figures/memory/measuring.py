"""T5, model by model: a fresh Triton for each setting, and the most that it needs under load."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import capture
from tuner_figures.bench import SERVING, Bench
from tuner_figures.loads.generator import Generator
from tuner_figures.models import artifacts
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import chosen
from tuner_figures.serving.settings import Setting, distinct
from tuner_figures.serving.triton import serving

from .family import Bytes, Peak
from .findings import Planned, asked, figures, shown

_SECONDS, _QUICK_SECONDS = 6.0, 1.0
_QUICK_SETTINGS = 2


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each model, as they come.

    Raises:
        HarnessError: no such model; it cannot be served; nothing was predicted.
    """
    for model in chosen(bench.models, quick=bench.quick):
        artifact = artifacts.ensure(bench, model)
        seen, wanted = shown(model.max_batch), asked(model.max_batch)
        wanted = wanted[-_QUICK_SETTINGS:] if bench.quick else wanted
        peaks = {setting: _peak(bench, artifact, setting) for setting in distinct([*seen, *wanted])}
        plans = _plans(bench, {setting: peaks[setting] for setting in seen}, wanted)
        planned = [
            Planned(setting=setting, peak=peaks[setting].total, plan=plan)
            for setting, plan in zip(wanted, plans, strict=True)
        ]
        yield figures(model.name, planned)


def _peak(bench: Bench, artifact: Artifact, setting: Setting) -> Bytes:
    """With twice as many requests under way as there are rows in all batches."""
    folder = bench.work / "memory" / artifact.model.name
    seconds = _QUICK_SECONDS if bench.quick else _SECONDS
    with serving(bench, artifact, setting, folder) as triton, Peak(triton.process.pid) as peak:
        generator = Generator(bench=bench, triton=triton, folder=folder)
        generator.closed(2 * setting.batch * setting.instances, seconds)
    mib = peak.most.total / (1 << 20)
    bench.say(f"  {artifact.model.name}, {setting.words()}: {mib:.0f} MiB at most")
    return peak.most


def _plans(bench: Bench, seen: Mapping[Setting, Bytes], wanted: Sequence[Setting]) -> list[int]:
    work: Mapping[str, Any] = {
        "seen": [{"setting": asdict(setting), **asdict(peak)} for setting, peak in seen.items()],
        "asked": [asdict(setting) for setting in wanted],
    }
    words = [bench.program(SERVING, "python"), "-m", "tuner_figures.memory.predicting"]
    found = json.loads(capture([*words, json.dumps(work)], env=bench.variables()))
    if None in found:
        raise CommandFailed("the tuner predicts nothing of a setting")
    return [int(plan) for plan in found]
