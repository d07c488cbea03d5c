"""What the search found → the artifact's files under the scratch folder, and its manifest."""

from __future__ import annotations

import os
import shutil
import uuid
from datetime import datetime
from pathlib import Path

from modelservice_runtime.contract.manifest import Manifest, Variant, files_digest
from modelservice_runtime.contract.store_layout import (
    INPUT_PREFIX,
    OUTPUT_PREFIX,
    SAMPLES_FILE,
    VARIANT_OUTPUTS,
    VARIANTS_FOLDER,
    WARMUP_FOLDER,
)
from modelservice_runtime.cpu import read_cpu, read_cpu_class

from . import parity
from .accounting import report_of
from .baseline import Baseline
from .judged import Judged
from .publishing import list_files
from .recipes import EXPORT
from .report.writing import write as write_report
from .search import Finding
from .stages import Build
from .tensors import specs, write
from .trying import Trial


def assemble(build: Build, found: Finding, now: datetime) -> Manifest:
    """Write samples, warm-up rows, variants and the report; list all in a manifest.

    Raises:
        OSError: the scratch folder cannot be written.
    """
    baseline, outcome = found.ground.baseline, found.outcome
    folder = build.scratch.artifact
    _write_samples(folder, baseline)
    judged = {candidate.recipe.name: candidate for candidate in outcome.candidates}
    variants = tuple(
        _write_variant(folder, judged[name], found.trials[name]) for name in outcome.served
    )
    document = report_of(build, found, now)
    write_report(document, folder)
    files = list_files(folder)
    request = build.request
    return Manifest(
        namespace=request.namespace,
        name=request.name,
        build_key=request.build_key,
        attempt=request.attempt,
        created_at=document.created_at,
        files=files,
        digest=files_digest(files),
        interface=baseline.interface,
        source=request.source,
        source_digest=found.ground.source_digest,
        variants=variants,
        sample_inputs=specs(baseline.samples),
        sample_rows=len(next(iter(baseline.samples.values()))),
        max_batch_size=request.max_batch_size,
        recipe_version=request.recipe_version,
        hardware=read_cpu(),
        goal_met=outcome.goal_met,
        goal=outcome.goal,
        choice=outcome.choice,
        requirements=found.ground.requirements,
        versions=document.versions,
        folder=f"files-{uuid.uuid4().hex[:12]}",
    )


def _write_samples(folder: Path, baseline: Baseline) -> None:
    inputs = {INPUT_PREFIX + name: array for name, array in baseline.samples.items()}
    outputs = {OUTPUT_PREFIX + name: array for name, array in baseline.answers.items()}
    write(folder / SAMPLES_FILE, {**inputs, **outputs})
    warmup = folder / WARMUP_FOLDER
    warmup.mkdir(exist_ok=True)
    for name, array in baseline.samples.items():
        (warmup / name).write_bytes(array[:1].tobytes())


def _write_variant(folder: Path, candidate: Judged, trial: Trial) -> Variant:
    """Put a candidate's files and its own answers to the samples into the artifact."""
    recipe, product = trial.recipe, trial.product
    place = f"{VARIANTS_FOLDER}/{recipe.name}"
    target = folder / place
    for path in sorted(product.folder.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(product.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(path, copy)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    answers = {OUTPUT_PREFIX + name: array for name, array in trial.answers.items()}
    write(target / VARIANT_OUTPUTS, answers)
    return Variant(
        name=recipe.name,
        engine=recipe.engine,
        precision=recipe.precision,
        folder=place,
        model_file=product.made.model_file if product.made else "",
        techniques=(EXPORT, *recipe.techniques),
        size_bytes=size,
        parity=parity.points(candidate.parity),
        latency=candidate.latency,
        metric=candidate.metric,
        cpu_class=read_cpu_class() if recipe.depends_on_cpu else "",
    )


def _link_or_copy(source: Path, target: Path) -> None:
    """Weights are in the scratch folder once; where links are not to be had they are copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
