"""What a Job is asked to do: the value of the environment variable ``MODELSERVICE_JOB``."""

from __future__ import annotations

from dataclasses import dataclass, field

JOB_VARIABLE = "MODELSERVICE_JOB"

#: Raised when the builder's recipe changes in a way that gives other bytes.
RECIPE_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityTolerance:
    """How far the artifact may be from the eager model.

    An element passes if |a - b| ≤ absolute + relative · |b| (numpy.isclose); the output
    passes if all elements do and the cosine of the flattened rows is at least ``cosine``.
    """

    absolute: float = 1e-3
    relative: float = 1e-3
    cosine: float = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What the user gave. ``kind``: ``pytorch`` (folder or archive with code) or ``onnx``.

    ``digest``: ``sha256:<hex>`` pin of the source's bytes, empty for none.
    ``entrypoint``: ``module:function``, pytorch only.
    """

    kind: str
    uri: str
    entrypoint: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One attempt of one build. The artifact goes to ``artifact_uri``, manifest last."""

    namespace: str
    name: str
    build_key: str
    attempt: int
    source: SourceRequest
    store_uri: str
    artifact_uri: str
    max_batch_size: int
    duration_seconds: int
    parity: ParityTolerance = field(default_factory=ParityTolerance)
    recipe_version: int = RECIPE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyObjective:
    """``percentile`` (50 … 99.9) of request latency at the server ≤ ``milliseconds``."""

    percentile: float
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneRequest:
    """One attempt of one tuning of the artifact at ``artifact_uri``.

    ``cpu``: cores that the serving container may use (its limit), at least 1.
    ``memory_limit_bytes``: the serving container's limit, 0 for none.
    ``backend``: ``onnxruntime`` or ``python`` (the runner), as the runtime says.
    """

    namespace: str
    name: str
    tuning_key: str
    attempt: int
    artifact_uri: str
    artifact_digest: str
    backend: str
    objective: LatencyObjective
    max_batch_size: int
    cpu: float
    memory_limit_bytes: int
    duration_seconds: int
