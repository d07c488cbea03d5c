"""Artifact and inputs of a model on this machine; made once and kept.

For as long as nothing changes that decides what it is and how it is served: a change of the tuner
alone leaves it, and what others found for it stays true.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from optimizer_figures.builds import building
from optimizer_figures.builds.cases import Case
from optimizer_figures.builds.site import Site

from modelservice_harness.digests import digest_of_files, digest_of_text
from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import capture
from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.store_layout import MANIFEST
from tuner_figures.bench import SERVING, Bench

from .cases import TunedModel

_MAKING_SECONDS = 120.0
#: Of the runtime, all but the tuner and its report.
_SERVED_BY = ("builder", "contract", "cpu.py", "serve", "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """``folder``: as a replica has it, the manifest beside its files; ``inputs``: sample rows.

    ``key``: of all that decides what it is and how it is served.
    """

    model: TunedModel
    folder: Path
    inputs: Path
    key: str

    def manifest(self) -> Manifest:
        """What the builder says of it."""
        return loads(Manifest, (self.folder / MANIFEST).read_bytes())


def ensure(bench: Bench, model: TunedModel) -> Artifact:
    """The artifact, the one of an earlier run if nothing has changed since.

    Raises:
        CommandFailed: it cannot be built.
    """
    key = _key(bench, model)
    folder = bench.work / f"{model.name}-{key}"
    if not (folder / MANIFEST).is_file():
        for old in bench.work.glob(f"{model.name}-*"):
            shutil.rmtree(old, ignore_errors=True)
        if model.build is None:
            _in_serving(bench, "adding", str(folder))
        else:
            _build(bench, model.build, folder)
    inputs = bench.work / "inputs" / f"{model.name}.json"
    inputs.parent.mkdir(parents=True, exist_ok=True)
    _in_serving(bench, "inputs", str(folder), str(inputs))
    return Artifact(model=model, folder=folder, inputs=inputs, key=key)


def _key(bench: Bench, model: TunedModel) -> str:
    runtime = bench.repository / "runtime" / "modelservice_runtime"
    parts = [digest_of_files(runtime, [runtime / name for name in _SERVED_BY])]
    if model.build is None:
        made_by = [Path(__file__).parent / "adding.py", _helpers(bench)]
        parts.append(digest_of_files(bench.repository, made_by))
    else:
        parts.append(Site(bench=bench.builds()).sources(model.build))
    return digest_of_text("\n".join(parts))


def _build(bench: Bench, case: Case, folder: Path) -> None:
    """Out of the store that the builder wrote to, as the init container of a replica makes it."""
    built = building.ensure(Site(bench=bench.builds()), case, building.TWO_WORKERS)
    (path,) = built.out.glob(f"store/*/*/*/*/{MANIFEST}")
    shutil.copytree(path.parent / loads(Manifest, path.read_bytes()).folder, folder)
    shutil.copyfile(path, folder / MANIFEST)  # last: what has it is whole


def _helpers(bench: Bench) -> Path:
    return bench.repository / "tests" / "serving" / "helpers"


def _in_serving(bench: Bench, module: str, *arguments: str) -> None:
    words = [bench.program(SERVING, "python"), "-m", f"tuner_figures.models.{module}", *arguments]
    env = bench.variables(_helpers(bench))
    try:
        capture(words, env=env, timeout=_MAKING_SECONDS)
    except CommandFailed as error:
        raise CommandFailed(f"{module}: {error}") from error
