"""``manifest.json``: the commit of an artifact. What it lists is what may be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .codec import digest_of
from .requests import SourceRequest
from .tensors import ModelInterface, TensorSpec

MANIFEST_SCHEMA = 1


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
    """Median time of one call, source model and artifact, one thread, milliseconds."""

    batch: int
    source_ms: float
    artifact_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything known about an artifact. ``digest`` is of the file list alone.

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
    techniques: tuple[str, ...]
    parity: tuple[ParityPoint, ...]
    latency: tuple[LatencyPair, ...]
    sample_inputs: tuple[TensorSpec, ...]
    sample_rows: int
    max_batch_size: int
    recipe_version: int
    hardware: str
    versions: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    schema: int = MANIFEST_SCHEMA


def files_digest(files: tuple[FileEntry, ...]) -> str:
    """``sha256:<hex>`` over the sorted file list: names the bytes, whoever built them."""
    return "sha256:" + digest_of(sorted(files, key=lambda entry: entry.path))
