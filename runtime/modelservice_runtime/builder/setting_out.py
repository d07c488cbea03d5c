"""Everything before the search: source, requirements, the exported model, the data, the plan."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from modelservice_runtime.contract.codec import digest_of
from modelservice_runtime.contract.requests import EvaluationRequest
from modelservice_runtime.cpu import read_cpu

from . import baseline, evaluating, hardware, requirements
from .baseline import Baseline
from .candidate_cache import CandidateCache, open_cache
from .engines import ModelProcess, check_framework, start_source
from .evaluating import Prepared
from .making import StepMaker
from .producing import Production, Share
from .recipes import Ingredients
from .source import fetch_source
from .stages import Build
from .techniques.base import SourceAccess
from .worker import resident_bytes

#: What decides the bytes of a candidate besides the recipe; those that are installed.
_PACKAGES = (
    "torch", "torch-pruning", "keras", "tensorflow-cpu", "tf2onnx", "onnx", "onnxscript",
    "onnxslim", "onnxruntime", "onnxruntime-gpu", "nncf", "openvino",
)  # fmt: skip
#: A process with a framework in it, before it holds any model.
_FRAMEWORK_BYTES = 768 << 20
#: Copies of a model that a technique holds at most.
_COPIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the search stands on. ``data``: None where nothing has to be scored."""

    source_digest: str
    requirements: tuple[str, ...]
    access: SourceAccess
    baseline: Baseline
    data: Prepared | None
    cache: CandidateCache
    ingredients: Ingredients


def set_out(build: Build, processes: ExitStack) -> Ground:
    """All of it. ``processes`` keeps the source model's process alive.

    Raises:
        BuildError: in words.
    """
    check_framework(build.request.source)
    build.scratch.create()
    with build.stage("source", f"fetching {build.request.source.uri}"):
        digest = fetch_source(build.request.source, build.scratch.source)
    with build.stage("requirements", f"source {digest}; installing its requirements, if any"):
        installed = _install(build)
    source = _start(build, processes)
    samples, loaded = baseline.load(build, source, list(installed.paths))
    cache = open_cache(build.request)
    ingredients = _ingredients(build, digest)
    exported = baseline.export(build, source, cache, ingredients, loaded.notes)
    base = baseline.compare(build, source, exported, samples, loaded)
    data = _data(build, base, installed.paths)
    return Ground(
        source_digest=digest,
        requirements=installed.pinned,
        access=SourceAccess(
            request=build.request.source,
            folder=build.scratch.source,
            module_path=tuple(installed.paths),
        ),
        baseline=base,
        data=data,
        cache=cache,
        ingredients=_with_data(ingredients, data, build.request.evaluation),
    )


def production(build: Build, ground: Ground, *, selection: Path | None, share: Share) -> Production:
    """What makes the candidates. ``selection``: the file for accuracy control, if there is one."""
    folder = build.scratch.evaluation
    calibration = evaluating.write_calibration(ground.data, folder) if ground.data else None
    maker = StepMaker(
        build=build, source=ground.access, calibration=calibration, selection=selection
    )
    return Production(
        folder=build.scratch.candidates,
        cache=ground.cache,
        ingredients=ground.ingredients,
        make=maker,
        workers=workers(build, ground),
        ends=build.clock() + build.deadline.remaining(build.clock()),
        clock=build.clock,
        said=lambda done, total: build.say(
            "produce", f"{done} of {total} steps are made", done / total
        ),
        share=share,
        done={(): ground.baseline.export},
    )


def workers(build: Build, ground: Ground) -> int:
    """How many candidates at a time: as many as there are cores, if the memory allows."""
    cores, limit = hardware.read_cores(), build.limits.memory_bytes
    if not limit:
        return cores
    each = _FRAMEWORK_BYTES + _COPIES * ground.baseline.export.model.stat().st_size
    return max(1, min(cores, (limit - resident_bytes()) // each))


def _start(build: Build, processes: ExitStack) -> ModelProcess:
    worker = start_source(
        build.request.source,
        environment=build.environment,
        cwd=build.scratch.source,
        limits=build.limits,
    )
    return ModelProcess(processes.enter_context(worker), build.deadline, build.clock)


def _install(build: Build) -> requirements.Installed:
    timeout = build.deadline.remaining(build.clock())
    try:
        return requirements.install(build.scratch, build.environment, timeout)
    except subprocess.TimeoutExpired as error:
        raise build.deadline.exceeded("installing requirements") from error


def _data(build: Build, base: Baseline, module_path: tuple[Path, ...]) -> Prepared | None:
    wanted = build.request.optimization.techniques or build.request.evaluation.data_uri
    if not wanted:
        return None
    with build.stage("data", "reading and splitting the evaluation data"):
        return evaluating.prepare(build, base.samples, base.interface, module_path)


def _ingredients(build: Build, source_digest: str) -> Ingredients:
    words = build.request.source
    return Ingredients(
        source_digest=digest_of({"source": source_digest, "entrypoint": words.entrypoint}),
        max_batch_size=build.request.max_batch_size,
        data_digest="",
        selection_digest="",
        hardware=read_cpu(),
        versions=_versions(),
    )


def _with_data(
    ingredients: Ingredients, data: Prepared | None, evaluation: EvaluationRequest
) -> Ingredients:
    if data is None:
        return ingredients
    scored = {"data": data.digest, "metric": data.metric.name, "goals": evaluation.goals}
    return dataclasses.replace(
        ingredients, data_digest=data.digest, selection_digest=digest_of(scored)
    )


def _versions() -> Mapping[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # the environment of another kind of source
    return found
