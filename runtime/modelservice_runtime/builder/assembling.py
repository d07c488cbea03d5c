"""A candidate → the artifact's files under the scratch folder, and its manifest."""

from __future__ import annotations

import json
import platform
import resource
import uuid
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata

from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.manifest import Manifest, files_digest
from modelservice_runtime.contract.store_layout import (
    INPUT_PREFIX,
    MODEL_FILE,
    OUTPUT_PREFIX,
    REPORT_HTML,
    REPORT_JSON,
    SAMPLES_FILE,
    WARMUP_FOLDER,
)
from modelservice_runtime.cpu import read_cpu

from . import parity, reporting
from .candidates import Candidate
from .publishing import list_files
from .stages import Build
from .tensors import specs, write

_DISTRIBUTION = "modelservice-operator"


def assemble(build: Build, candidate: Candidate, source_digest: str, now: datetime) -> Manifest:
    """Write samples, warm-up rows and the report beside the model; list all in a manifest.

    Raises:
        OSError: the scratch folder cannot be written.
    """
    _write_samples(build, candidate)
    report = _report(build, candidate, source_digest, now)
    _write_report(build, report)
    files = list_files(build.scratch.artifact)
    request = build.request
    return Manifest(
        namespace=request.namespace,
        name=request.name,
        build_key=request.build_key,
        attempt=request.attempt,
        created_at=report.created_at,
        files=files,
        digest=files_digest(files),
        interface=candidate.interface,
        source=request.source,
        source_digest=source_digest,
        techniques=report.techniques,
        parity=parity.points(candidate.differences),
        latency=candidate.latency,
        sample_inputs=specs(candidate.samples),
        sample_rows=report.sample_rows,
        max_batch_size=request.max_batch_size,
        recipe_version=request.recipe_version,
        hardware=report.hardware,
        versions=report.versions,
        folder=f"files-{uuid.uuid4().hex[:12]}",
    )


def _write_samples(build: Build, candidate: Candidate) -> None:
    folder = build.scratch.artifact
    inputs = {INPUT_PREFIX + name: array for name, array in candidate.samples.items()}
    outputs = {OUTPUT_PREFIX + name: array for name, array in candidate.expected.items()}
    write(folder / SAMPLES_FILE, {**inputs, **outputs})
    warmup = folder / WARMUP_FOLDER
    warmup.mkdir(exist_ok=True)
    for name, array in candidate.samples.items():
        (warmup / name).write_bytes(array[:1].tobytes())


def _report(
    build: Build, candidate: Candidate, source_digest: str, now: datetime
) -> reporting.Report:
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return reporting.Report(
        created_at=now.isoformat(timespec="seconds"),
        request=build.request,
        source_digest=source_digest,
        interface=candidate.interface,
        sample_rows=len(next(iter(candidate.samples.values()))),
        parity=candidate.differences,
        latency=candidate.latency,
        techniques=candidate.prepared.techniques,
        notes=candidate.prepared.notes,
        hardware=read_cpu(),
        model_bytes=(build.scratch.artifact / MODEL_FILE).stat().st_size,
        peak_memory_bytes={"builder": own_peak, **candidate.peak_memory_bytes},
        versions={**_own_versions(), **candidate.prepared.versions},
        stage_seconds=build.seconds,
    )


def _own_versions() -> Mapping[str, str]:
    own = metadata.version(_DISTRIBUTION)
    return {"python": platform.python_version(), _DISTRIBUTION: own}


def _write_report(build: Build, report: reporting.Report) -> None:
    folder = build.scratch.artifact
    text = json.dumps(encode(report), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / REPORT_JSON).write_text(text + "\n")
    (folder / REPORT_HTML).write_text(reporting.page(report))
