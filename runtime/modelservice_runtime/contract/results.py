"""What a Job answers: at most 4 KiB of JSON as the pod's termination message.

``outcome``: ``Succeeded``; ``Rejected`` (built, but not good enough); ``Failed``.
``reason``: CamelCase, stable, goes to the condition; ``message``: words for the user, saying
what is wrong and what to do; the operator repeats both unchanged in log, event and condition.
"""

from __future__ import annotations

from dataclasses import dataclass

from .profile import Profile
from .tensors import ModelInterface, TensorSpec

SUCCEEDED = "Succeeded"
REJECTED = "Rejected"
FAILED = "Failed"

TERMINATION_MESSAGE_PATH = "/dev/termination-log"
MAX_RESULT_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSummary:
    """What a configuration needs to know of a variant (contract ``Variant``)."""

    name: str
    engine: str
    precision: str
    folder: str
    model_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactSummary:
    """The published artifact. ``metric``: name and value of the gate, e.g. Accuracy 0.982.

    ``metric_source_value``: the source model's. ``samples``: that the metric comes from.
    ``goal_met``: the goals are proven; False: the source model is served as it is, ``goal``
    says why in words. ``speedup``: source time ÷ artifact time at batch 1, one thread.
    ``sample_inputs``: one row of the samples, with its actual dims (for the warm-up).
    ``variants``: the builder's choice first.
    """

    uri: str
    digest: str
    size_bytes: int
    metric_name: str
    metric_value: float
    metric_source_value: float
    samples: int
    goal_met: bool
    goal: str
    speedup: float
    recipe_version: int
    interface: ModelInterface
    sample_inputs: tuple[TensorSpec, ...]
    variants: tuple[VariantSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """The end of a build Job. ``artifact`` is there if and only if it succeeded."""

    key: str
    attempt: int
    outcome: str
    reason: str
    message: str
    artifact: ArtifactSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult:
    """The end of a tune Job. ``profile`` is there if and only if it succeeded."""

    key: str
    attempt: int
    outcome: str
    reason: str
    message: str
    profile: Profile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A JSON line in a Job's log: ``{"progress": {...}}``; ``fraction`` from 0 to 1."""

    stage: str
    fraction: float
    message: str
