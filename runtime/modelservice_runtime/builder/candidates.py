"""Source folder → a candidate: exported, compared, measured; not yet published."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.contract.manifest import LatencyPair
from modelservice_runtime.contract.store_layout import MODEL_FILE
from modelservice_runtime.contract.tensors import ModelInterface

from . import measuring, parity
from .engines import ARTIFACT, SOURCE_MODEL, ModelProcess, Prepared, start_artifact, start_source
from .errors import PARITY_REJECTED, Rejected
from .stages import Build
from .tensors import Arrays, read, tiled, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What came out. ``expected``: the source model's outputs for ``samples``."""

    interface: ModelInterface
    prepared: Prepared
    samples: Arrays
    expected: Arrays
    differences: tuple[parity.Difference, ...]
    latency: tuple[LatencyPair, ...]
    peak_memory_bytes: Mapping[str, int]


def make_candidate(build: Build, module_path: list[Path]) -> Candidate:
    """Run the source model and its export side by side, each in its own process.

    Raises:
        BuildError: the source, the export or the comparison failed, in words.
    """
    with ExitStack() as processes:
        worker = start_source(
            build.request.source,
            environment=build.environment,
            cwd=build.scratch.source,
            limits=build.limits,
        )
        source = ModelProcess(processes.enter_context(worker), build.deadline, build.clock)
        samples, loaded, exported = _export(build, source, module_path)
        worker = start_artifact(
            environment=build.environment, cwd=build.scratch.work, limits=build.limits
        )
        artifact = ModelProcess(processes.enter_context(worker), build.deadline, build.clock)
        return _judge(build, source, artifact, samples, (loaded, exported))


def _export(
    build: Build, source: ModelProcess, module_path: list[Path]
) -> tuple[Arrays, Prepared, Prepared]:
    request, scratch = build.request, build.scratch
    samples_file = scratch.work / "samples.safetensors"
    with build.stage("load", "loading the model and its example inputs"):
        loaded = source.load(scratch.source, request.source, module_path, samples_file)
        samples = read(samples_file)
    rows = len(next(iter(samples.values())))
    said = "; ".join([f"exporting to ONNX; {rows} example rows", *loaded.notes])
    with build.stage("export", said):
        exported = source.export(scratch.artifact / MODEL_FILE, request.max_batch_size)
    return samples, loaded, exported


def _judge(
    build: Build,
    source: ModelProcess,
    artifact: ModelProcess,
    samples: Arrays,
    prepared: tuple[Prepared, Prepared],
) -> Candidate:
    loaded, exported = prepared
    with build.stage("parity", "comparing the artifact with the source model"):
        interface, versions = artifact.open(build.scratch.artifact / MODEL_FILE)
        samples = {spec.name: samples[spec.name] for spec in interface.inputs}
        expected, differences = _compare(build, source, artifact, samples)
    with build.stage("measure", "measuring the source model and the artifact"):
        sizes = measuring.batches(build.request.max_batch_size)
        files = {batch: _batch_file(build, samples, batch) for batch in sizes}
        latency = measuring.measure(source, artifact, files, build.clock)
    return Candidate(
        interface=interface,
        prepared=Prepared(
            notes=loaded.notes,
            techniques=exported.techniques,
            versions={**exported.versions, **versions},
        ),
        samples=samples,
        expected=expected,
        differences=differences,
        latency=latency,
        peak_memory_bytes={SOURCE_MODEL: source.peak_bytes, ARTIFACT: artifact.peak_bytes},
    )


def _compare(
    build: Build, source: ModelProcess, artifact: ModelProcess, samples: Arrays
) -> tuple[Arrays, tuple[parity.Difference, ...]]:
    """The source's outputs for the samples, and the comparison at every batch size.

    Raises:
        Rejected: one output at one batch size is not equal enough.
    """
    rows = len(next(iter(samples.values())))
    expected: dict[int, Arrays] = {}
    found: list[parity.Difference] = []
    for batch in sorted({1, 2, build.request.max_batch_size, rows}):
        inputs = _batch_file(build, samples, batch)
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
    return expected[rows], tuple(found)


def _batch_file(build: Build, samples: Arrays, batch: int) -> Path:
    path = build.scratch.work / f"inputs-{batch}.safetensors"
    if not path.is_file():
        write(path, tiled(samples, batch))
    return path
