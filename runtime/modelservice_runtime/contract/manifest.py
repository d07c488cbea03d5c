"""``manifest.json``: the commit of an artifact. What it lists is what may be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .codec import digest_of
from .requests import SourceRequest
from .tensors import ModelInterface, TensorSpec

MANIFEST_SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the artifact, its path relative to the manifest."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityPoint:
    """The artifact beside the eager model at one batch size (worst over all outputs)."""

    batch: int
    max_absolute: float
    max_relative: float
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPair:
    """Median time of one call, source model and artifact, one thread, milliseconds.

    ``speedup_low``, ``speedup_high``: 95 % interval of source time ÷ artifact time.
    """

    batch: int
    source_ms: float
    artifact_ms: float
    speedup_low: float = 0.0
    speedup_high: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """A task metric on the gate's samples, source model and candidate, paired.

    ``drop``: what was lost, positive where the candidate is worse, in the metric's own unit;
    ``drop_low``, ``drop_high``: bounds of the true loss, one-sided each with ``confidence``.
    """

    name: str
    value: float
    source_value: float
    drop: float
    drop_low: float
    drop_high: float
    samples: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to serve the model, all of them within the goals; a tuning picks one.

    ``engine``: what runs it (``requests.ENGINES``); ``precision``: fp32, int8, bf16, fp16.
    ``folder``: of its files, relative to the artifact; ``model_file``: relative to ``folder``.
    ``metric``: None where nothing was scored.
    ``cpu_class``: where it was judged, if its numbers depend on that (``cpu.cpu_class``).
    """

    name: str
    engine: str
    precision: str
    folder: str
    model_file: str
    techniques: tuple[str, ...]
    size_bytes: int
    parity: tuple[ParityPoint, ...]
    latency: tuple[LatencyPair, ...]
    metric: MetricValue | None = None
    cpu_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything known about an artifact. ``digest`` is of the file list alone.

    ``variants``: at least one, the builder's choice first; ``choice``: why that one.
    ``goal_met``: the accuracy goals are proven; ``goal``: how, or why not, in words.
    ``requirements``: what the source asked for and got, pinned.
    ``folder``: where the files lie, relative to the manifest (empty: beside it). Each writer
    has a folder of its own, so that a second writer cannot touch what the first committed.
    """

    namespace: str
    name: str
    build_key: str
    attempt: int
    created_at: str
    files: tuple[FileEntry, ...]
    digest: str
    interface: ModelInterface
    source: SourceRequest
    source_digest: str
    variants: tuple[Variant, ...]
    sample_inputs: tuple[TensorSpec, ...]
    sample_rows: int
    max_batch_size: int
    recipe_version: int
    hardware: str
    goal_met: bool = True
    goal: str = ""
    choice: str = ""
    requirements: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    schema: int = MANIFEST_SCHEMA


def files_digest(files: tuple[FileEntry, ...]) -> str:
    """``sha256:<hex>`` over the sorted file list: names the bytes, whoever built them."""
    return "sha256:" + digest_of(sorted(files, key=lambda entry: entry.path))
