"""The source model, loaded and exported: what every candidate starts from and is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.contract.store_layout import MODEL_FILE
from modelservice_runtime.contract.tensors import ModelInterface

from . import parity
from .candidate_cache import CandidateCache
from .engines import ModelProcess, Prepared, start_candidate
from .errors import PARITY_REJECTED, Rejected
from .producing import Product
from .recipes import EXPORT, FP32, PLAIN, Ingredients, candidate_key
from .rows import write_batches
from .stages import Build
from .techniques.base import Made
from .tensors import Arrays, read, tiled, write

#: Odd and no power of two: kernels that work in blocks show what they do with the rest.
_ODD_BATCH = 3
#: So many sample rows are answered one by one, for the check of a pod that starts.
_ANSWERED_ROWS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The source model and what it answers.

    ``source``: its process. ``batches``: input files by batch size; ``expected``: its outputs for
    them; ``samples`` and ``answers``: all example rows and its outputs. ``sample_rows``: input
    files of one row each, of the first rows.
    """

    source: ModelProcess
    interface: ModelInterface
    export: Product
    samples: Arrays
    answers: Arrays
    batches: Mapping[int, Path]
    expected: Mapping[int, Arrays]
    sample_rows: tuple[Path, ...]
    notes: tuple[str, ...]
    versions: Mapping[str, str]

    def batch_file(self, build: Build, batch: int) -> Path:
        """An input file of ``batch`` rows, made from the samples."""
        return _batch_file(build, self.samples, batch)


def load(build: Build, source: ModelProcess, module_path: list[Path]) -> tuple[Arrays, Prepared]:
    """Load the source's model; its example inputs and what it said.

    Raises:
        BuildError: in words.
    """
    samples_file = build.scratch.work / "samples.safetensors"
    with build.stage("load", "loading the model and its example inputs"):
        loaded = source.load(build.scratch.source, build.request.source, module_path, samples_file)
        return read(samples_file), loaded


def export(
    build: Build,
    source: ModelProcess,
    cache: CandidateCache,
    ingredients: Ingredients,
    said: tuple[str, ...],
) -> Product:
    """The plain export, from the store where an earlier build left it.

    ``said``: what loading the model said.

    Raises:
        BuildError: the source cannot be exported, in words.
    """
    key = candidate_key((), ingredients)
    folder = build.scratch.candidates / key
    folder.mkdir(parents=True, exist_ok=True)
    with build.stage("export", "; ".join(["exporting to ONNX", *said])):
        entry = cache.get(key, folder)
        if entry is not None:
            return Product(folder=folder, made=entry.made, seconds=entry.seconds, cached=True)
        began = build.clock()
        prepared = source.export(folder / MODEL_FILE, build.request.max_batch_size)
        seconds = round(build.clock() - began, 2)
        made = Made(model_file=MODEL_FILE, notes=prepared.techniques, versions=prepared.versions)
        cache.put(key, folder, made, seconds)
        return Product(folder=folder, made=made, seconds=seconds)


def compare(
    build: Build, source: ModelProcess, exported: Product, samples: Arrays, loaded: Prepared
) -> Baseline:
    """Run both models on the samples at every batch size that matters.

    Raises:
        Rejected: the plain export is not equal enough, so nothing can be served.
        BuildError: one of the two does not run, in words.
    """
    with build.stage("parity", "comparing the export with the source model"):
        worker = start_candidate(
            EXPORT,
            PLAIN.engine,
            environment=build.environment,
            cwd=build.scratch.work,
            limits=build.limits,
        )
        with worker:
            model = ModelProcess(worker, build.deadline, build.clock)
            interface, versions = model.open(exported.model, FP32)
            samples = {spec.name: samples[spec.name] for spec in interface.inputs}
            files = {batch: _batch_file(build, samples, batch) for batch in _sizes(build, samples)}
            expected = _compare(build, source, model, files)
    rows = len(next(iter(samples.values())))
    answered = {name: array[:_ANSWERED_ROWS] for name, array in samples.items()}
    return Baseline(
        source=source,
        interface=interface,
        export=exported,
        samples=samples,
        answers=expected[rows],
        batches=files,
        expected=expected,
        sample_rows=write_batches(answered, 1, build.scratch.work / "sample-rows"),
        notes=loaded.notes,
        versions={**versions, **(exported.made.versions if exported.made else {})},
    )


def _compare(
    build: Build, source: ModelProcess, artifact: ModelProcess, files: Mapping[int, Path]
) -> dict[int, Arrays]:
    expected: dict[int, Arrays] = {}
    found: list[parity.Difference] = []
    for batch, inputs in files.items():
        expected[batch] = source.run(inputs, build.scratch.work / "expected.safetensors")
        actual = artifact.run(inputs, build.scratch.work / "actual.safetensors")
        found += parity.compare(
            expected[batch], actual, batch=batch, tolerance=build.request.parity
        )
    reason = parity.verdict(found)
    if reason:
        raise Rejected(
            PARITY_REJECTED,
            f"the artifact was built but is not equal to the source model: {reason}; nothing was"
            " published; correct the model, or allow more under spec.evaluation.parity",
        )
    return expected


def _sizes(build: Build, samples: Arrays) -> list[int]:
    rows = len(next(iter(samples.values())))
    largest = build.request.max_batch_size
    return sorted({1, 2, min(_ODD_BATCH, max(largest, 2)), largest, rows})


def _batch_file(build: Build, samples: Arrays, batch: int) -> Path:
    path = build.scratch.work / f"inputs-{batch}.safetensors"
    if not path.is_file():
        write(path, tiled(samples, batch))
    return path
