"""The evaluation data at work: split, run through the source model, ready to score candidates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelservice_runtime.contract.requests import Goal
from modelservice_runtime.contract.store_layout import INPUT_PREFIX, OUTPUT_PREFIX
from modelservice_runtime.contract.tensors import ModelInterface

from .engines import ModelProcess
from .evaluation.data import Data, from_samples, read_data
from .evaluation.fetching import fetch_data
from .evaluation.metric import Scorer
from .evaluation.metrics import Metric, UserCode, metric_for
from .evaluation.spilling import blocks
from .evaluation.splitting import split
from .gate.evidence import Evidence
from .gate.goals import within
from .rows import ROWS_MOST, run_all, write_batches
from .stages import Build
from .tensors import Arrays, write_rows

CALIBRATION, SELECTION, GATE = "calibration", "selection", "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The data before any model saw them. ``digest``: of the file, or of the samples."""

    metric: Metric
    parts: Mapping[str, Data]
    given: str
    digest: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """``batches``: input files of each part; ``expected``: the source model's outputs for them."""

    metric: Metric
    parts: Mapping[str, Data]
    batches: Mapping[str, Sequence[Path]]
    expected: Mapping[str, Arrays]
    scorers: Mapping[str, Scorer]
    goals: tuple[Goal, ...]

    def evidence(self, part: str, outputs: Arrays) -> Evidence | None:
        """What a candidate's ``outputs`` for a part show; None where the part is empty."""
        scorer = self.scorers.get(part)
        return scorer(outputs) if scorer else None

    def doubt(self, evidence: Evidence) -> str:
        """Why the goals are missed by what was measured, in words; empty if they are not."""
        return within(self.goals, evidence, self.metric.name)


def prepare(
    build: Build, samples: Arrays, interface: ModelInterface, module_path: tuple[Path, ...]
) -> Prepared:
    """Fetch, check and split the data; the example inputs where none are given.

    Raises:
        UserError: the data do not fit the model or the metric; names the field or column.
        Infrastructure: the store cannot be used.
    """
    request = build.request.evaluation
    if request.data_uri:
        path, digest = fetch_data(request, build.scratch.evaluation / "given")
        data = read_data(path, interface)
    else:
        data, digest = from_samples(samples), digest_of_arrays(samples)
    metric = metric_for(request, data, interface, _user_code(build, module_path))
    parts = split(data, digest)
    return Prepared(
        metric=metric,
        parts={
            CALIBRATION: parts.calibration,
            SELECTION: parts.selection,
            GATE: parts.gate,
        },
        given=data.given,
        digest=digest,
        notes=data.notes,
    )


def _user_code(build: Build, module_path: tuple[Path, ...]) -> UserCode:
    """For a metric of the user's own; it is the user's function, and has as long as the other."""
    return UserCode(
        source=build.scratch.source,
        module_path=module_path,
        scratch=build.scratch.evaluation,
        environment=build.environment,
        limits=build.limits,
        seconds=min(build.deadline.entrypoint_seconds, build.deadline.remaining(build.clock())),
    )


def score_source(build: Build, source: ModelProcess, prepared: Prepared) -> Scoring:
    """Run the source model on what candidates will be scored on.

    Raises:
        UserError: its outputs are not finite, or the metric cannot score them.
    """
    folder = build.scratch.evaluation
    rows = min(ROWS_MOST, build.request.max_batch_size)
    batches = {
        part: write_batches(prepared.parts[part].inputs, rows, folder / part)
        for part in (SELECTION, GATE)
    }
    expected = {
        part: run_all(source, files, folder / "expected.safetensors")
        for part, files in batches.items()
    }
    metric, parts = prepared.metric, prepared.parts
    scorers = {
        part: metric.prepare(parts[part], outputs) for part, outputs in expected.items() if outputs
    }
    return Scoring(
        metric=prepared.metric,
        parts=prepared.parts,
        batches=batches,
        expected=expected,
        scorers=scorers,
        goals=build.request.evaluation.goals,
    )


def write_calibration(prepared: Prepared, folder: Path) -> Path | None:
    """The calibration part as one file of input arrays; None where there is none."""
    data = prepared.parts[CALIBRATION]
    if not len(data):
        return None
    write_in_blocks(folder / "calibration.safetensors", data.inputs)
    return folder / "calibration.safetensors"


def write_selection(scoring: Scoring, folder: Path) -> Path | None:
    """The selection part with the source model's answers and the labels, in one file."""
    data = scoring.parts[SELECTION]
    if not len(data):
        return None
    arrays = {INPUT_PREFIX + name: array for name, array in data.inputs.items()}
    arrays |= {OUTPUT_PREFIX + n: array for n, array in scoring.expected[SELECTION].items()}
    if data.labels is not None:
        arrays["label"] = data.labels
    write_in_blocks(folder / "selection.safetensors", arrays)
    return folder / "selection.safetensors"


def write_in_blocks(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """``arrays`` (rows first) as safetensors; of mapped files a few rows at a time are in memory.

    Raises:
        OSError: ``path`` cannot be written.
    """
    write_rows(path, {name: (array, blocks(array)) for name, array in arrays.items()})


def digest_of_arrays(arrays: Arrays) -> str:
    """``sha256:<hex>`` over names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"sha256:{digest.hexdigest()}"
