"""T1, model by model: searched by everybody, then measured by nobody's rules but these."""

from __future__ import annotations

from collections.abc import Iterator

from bench_figures.rows import Figures

from modelservice_harness.errors import CommandFailed
from tuner_figures.bench import Bench
from tuner_figures.models import artifacts
from tuner_figures.models.cases import chosen
from tuner_figures.peers.searching import Picks, picks
from tuner_figures.serving.settings import Setting, distinct

from .findings import figures
from .neutral import scores


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each model, as they come.

    Raises:
        HarnessError: no such model; it cannot be served; nobody found anything.
    """
    for model in chosen(bench.models, quick=bench.quick):
        artifact = artifacts.ensure(bench, model)
        searches = picks(bench, artifact, waiting=True)
        settings = picked(searches)
        if not settings:
            raise CommandFailed(f"{model.name}: nobody found a setting within {model.goal_ms:g} ms")
        found = scores(bench, artifact, settings, bench.work / "neutral" / model.name)
        yield figures(model.name, searches, found)


def picked(searches: Picks) -> tuple[Setting, ...]:
    """Every setting that was picked, once."""
    found = [pick.setting for by_repeat in searches.values() for pick in by_repeat]
    return distinct([setting for setting in found if setting is not None])
