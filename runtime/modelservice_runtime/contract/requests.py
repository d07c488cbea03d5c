"""What a Job is asked to do: the value of the environment variable ``MODELSERVICE_JOB``."""

from __future__ import annotations

from dataclasses import dataclass, field

from .profile import ServedSetting
from .traffic import Traffic

JOB_VARIABLE = "MODELSERVICE_JOB"

#: Raised when the builder's recipe changes in a way that gives other bytes.
RECIPE_VERSION = 2

PYTORCH, TORCH_EXPORT, ONNX, TENSORFLOW = "pytorch", "torchExport", "onnx", "tensorflow"
SOURCE_KINDS = (PYTORCH, TORCH_EXPORT, ONNX, TENSORFLOW)

#: What runs a model file: in the builder, in the tuner's Triton and in the serving pod alike.
ONNXRUNTIME, OPENVINO, AOTI, TENSORRT = "onnxruntime", "openvino", "aoti", "tensorrt"
ENGINES = (ONNXRUNTIME, OPENVINO, AOTI, TENSORRT)

FUSE, QUANTIZE, ACCURACY_CONTROL, PRUNE = "Fuse", "Quantize", "AccuracyControl", "Prune"
OPENVINO_IR, BFLOAT16, FLOAT16 = "OpenVINO", "BFloat16", "Float16"
AOT_INDUCTOR, TENSORRT_ENGINE, ORT_CUDA = "AOTInductor", "TensorRT", "OnnxRuntimeCUDA"
TECHNIQUES = (
    FUSE, QUANTIZE, ACCURACY_CONTROL, OPENVINO_IR, BFLOAT16, FLOAT16, PRUNE, AOT_INDUCTOR,
    TENSORRT_ENGINE, ORT_CUDA,
)  # fmt: skip
#: What cannot surprise: the gate judges whatever is quantized.
DEFAULT_TECHNIQUES = (FUSE, QUANTIZE)

ACCURACY, MACRO_F1, ENTITY_F1 = "Accuracy", "MacroF1", "EntityF1"
TOP1_AGREEMENT, NEIGHBOUR_AGREEMENT = "Top1Agreement", "NeighbourAgreement"
COSINE, MEAN_ABSOLUTE_ERROR, ENTRYPOINT = "Cosine", "MeanAbsoluteError", "Entrypoint"
METRICS = (
    ACCURACY, MACRO_F1, ENTITY_F1, TOP1_AGREEMENT, NEIGHBOUR_AGREEMENT, COSINE,
    MEAN_ABSOLUTE_ERROR, ENTRYPOINT,
)  # fmt: skip

THRESHOLD, MAX_DEGRADATION, MIN_IMPROVEMENT = "Threshold", "MaxDegradation", "MinImprovement"
MAX_DEGRADATION_PERCENT = "MaxDegradationPercent"
MIN_IMPROVEMENT_PERCENT = "MinImprovementPercent"
GOAL_KINDS = (
    THRESHOLD, MAX_DEGRADATION, MAX_DEGRADATION_PERCENT, MIN_IMPROVEMENT, MIN_IMPROVEMENT_PERCENT,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityTolerance:
    """How far an exact artifact may be from the source model.

    An element passes if |a - b| ≤ absolute + relative · |b| (numpy.isclose); the output
    passes if all elements do and the cosine of the flattened rows is at least ``cosine``.
    """

    absolute: float = 1e-3
    relative: float = 1e-3
    cosine: float = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What the user gave. ``kind``: one of ``SOURCE_KINDS``.

    ``digest``: ``sha256:<hex>`` pin of the source's bytes, empty for none.
    ``entrypoint``: ``module:function``, pytorch only.
    """

    kind: str
    uri: str
    entrypoint: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One condition on the metric; ``kind``: one of ``GOAL_KINDS``, as Olive has them.

    Threshold: the candidate's value itself (a floor, or a ceiling where less is better).
    MaxDegradation, MinImprovement: against the source model's value, in the metric's unit;
    MaxDegradationPercent, MinImprovementPercent: in percent of the source model's value.
    """

    kind: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What the artifact must still do. All goals must hold, each with ``confidence``.

    ``data_uri``: rows with or without labels; empty: the example inputs.
    ``metric``: one of ``METRICS``; empty: what the data allow (docs/api.md has the rule).
    ``entrypoint``: ``module:function`` in the source, for the metric Entrypoint.
    ``output``: the output that is scored; empty: the first one.
    ``label_names``: names of the classes by number, for EntityF1 (``O``, ``B-PER`` …).
    ``confidence``: one-sided.
    """

    data_uri: str = ""
    data_digest: str = ""
    metric: str = ""
    entrypoint: str = ""
    output: str = ""
    label_names: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = (Goal(kind=MAX_DEGRADATION, value=0.01),)
    confidence: float = 0.975


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRequest:
    """``training_entrypoint``: ``module:function`` that trains a pruned model.

    ``ratios``: shares of the parameters to remove, each in (0, 1); empty: searched.
    """

    training_entrypoint: str
    ratios: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationRequest:
    """``techniques``: of ``TECHNIQUES``, what may be tried; none: the plain export.

    ``min_speedup``: source time ÷ artifact time that an artifact must reach.
    ``parallelism``: pods that produce candidates side by side.
    """

    techniques: tuple[str, ...] = DEFAULT_TECHNIQUES
    min_speedup: float = 1.0
    parallelism: int = 1
    pruning: PruningRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One attempt of one build. The artifact goes to ``artifact_uri``, manifest last.

    ``engines``: of ``ENGINES``, what the runtime that will serve can run.
    """

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
    evaluation: EvaluationRequest = field(default_factory=EvaluationRequest)
    optimization: OptimizationRequest = field(default_factory=OptimizationRequest)
    engines: tuple[str, ...] = (ONNXRUNTIME,)
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
    ``report_uri``: folder that the report goes to; empty for no report.
    ``current``: what serves now, so that the gain over it is known; None for nothing.
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
    traffic: Traffic = field(default_factory=Traffic)
    report_uri: str = ""
    current: ServedSetting | None = None
