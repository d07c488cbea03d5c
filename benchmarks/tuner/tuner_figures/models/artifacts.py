"""Artifact and inputs of a model on this machine; made once and kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from optimizer_figures.builds import building
from optimizer_figures.builds.site import Site

from modelservice_harness.digests import digest_of_files
from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import capture
from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.store_layout import MANIFEST
from tuner_figures.bench import SERVING, Bench

from .cases import TunedModel

_MAKING_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """``folder``: as a replica has it, the manifest beside its files; ``inputs``: sample rows."""

    model: TunedModel
    folder: Path
    inputs: Path

    def manifest(self) -> Manifest:
        """What the builder says of it."""
        return loads(Manifest, (self.folder / MANIFEST).read_bytes())


def ensure(bench: Bench, model: TunedModel) -> Artifact:
    """The artifact, the one of an earlier run if nothing has changed since.

    Raises:
        CommandFailed: it cannot be built.
    """
    folder = _added(bench) if model.build is None else _built(bench, model)
    inputs = bench.work / "inputs" / f"{model.name}.json"
    inputs.parent.mkdir(parents=True, exist_ok=True)
    _in_serving(bench, "inputs", str(folder), str(inputs))
    return Artifact(model=model, folder=folder, inputs=inputs)


def _added(bench: Bench) -> Path:
    here = Path(__file__).parent
    made_by = [here / "adding.py", _helpers(bench)]
    place = bench.work / f"add-{digest_of_files(bench.repository, made_by)}"
    if not (place / MANIFEST).is_file():
        shutil.rmtree(place, ignore_errors=True)
        _in_serving(bench, "adding", str(place))
    return place


def _built(bench: Bench, model: TunedModel) -> Path:
    """Out of the store that the builder wrote to, into a folder as the init container makes it."""
    if model.build is None:
        raise ValueError(f"{model.name} is not built")
    built = building.ensure(Site(bench=bench.builds()), model.build, building.TWO_WORKERS)
    (path,) = built.out.glob(f"store/*/*/*/*/{MANIFEST}")
    files = path.parent / loads(Manifest, path.read_bytes()).folder
    place = built.folder / "artifact"
    if not (place / MANIFEST).is_file():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(files, place)
        shutil.copyfile(path, place / MANIFEST)
    return place


def _helpers(bench: Bench) -> Path:
    return bench.repository / "tests" / "serving" / "helpers"


def _in_serving(bench: Bench, module: str, *arguments: str) -> None:
    words = [bench.program(SERVING, "python"), "-m", f"tuner_figures.models.{module}", *arguments]
    env = bench.variables(_helpers(bench))
    try:
        capture(words, env=env, timeout=_MAKING_SECONDS)
    except CommandFailed as error:
        raise CommandFailed(f"{module}: {error}") from error
