"""The CRD's status and what ``modelservice_operator.plan.report`` writes: the same fields.

A field that is written and not in the schema would be dropped by the API server without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from modelservice_operator.api import conditions
from modelservice_operator.api.service import Decision, ServiceRef
from modelservice_operator.api.spec import parse_spec
from modelservice_operator.fleet import Verdict
from modelservice_operator.plan.conditions import Facts
from modelservice_operator.plan.jobs import Running
from modelservice_operator.plan.memory import PodMemory, reload_words
from modelservice_operator.plan.observed import Children, DeploymentSeen, JobSeen
from modelservice_operator.plan.report import build_status
from modelservice_operator.plan.service_plan import Plan, Stage
from modelservice_operator.plan.serving import ServingPlan, Version
from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.model_config import ModelConfig
from modelservice_runtime.contract.profile import MemoryPlan, Profile, ServicePoint
from modelservice_runtime.contract.results import ArtifactSummary, VariantSummary
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

Walk = Callable[..., Any]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "ab" * 32
REF = ServiceRef(namespace="n" * 63, name="m" * 40, uid="u", generation=3)
SPEC = parse_spec(
    {
        "model": {"source": {"onnx": {"uri": "pvc://models/a.onnx"}}},
        "serving": {"latencyObjective": {"percentile": "99.9", "milliseconds": 600000}},
    }
)
INTERFACE = ModelInterface(
    inputs=(TensorSpec(name="ids", datatype="INT64", dims=(-1,)),),
    outputs=(TensorSpec(name="out", datatype="FP32", dims=(384,)),),
)
VARIANT = VariantSummary(
    name="fuse+int8-dynamic",
    engine="onnxruntime",
    precision="int8",
    folder="variants/fuse+int8-dynamic",
    model_file="model.onnx",
)
ARTIFACT = ArtifactSummary(
    uri="s3://bucket/artifacts/n/m/key/1",
    digest=DIGEST,
    size_bytes=2**33,
    metric_name="Accuracy",
    metric_value=0.982,
    metric_source_value=0.984,
    samples=1200,
    goal_met=True,
    goal="a loss of at most 0.01 is proven",
    speedup=1.9,
    recipe_version=1,
    interface=INTERFACE,
    sample_inputs=(TensorSpec(name="ids", datatype="INT64", dims=(16,)),),
    variants=(VARIANT,),
)
PROFILE = Profile(
    artifact_digest=DIGEST,
    variant=VARIANT.name,
    backend="onnxruntime",
    max_batch_size=8,
    instances=2,
    threads=1,
    queue_delay_microseconds=100,
    queue_timeout_microseconds=1000,
    service=(ServicePoint(batch=1, milliseconds=1.0),),
    memory=MemoryPlan(request_bytes=400 << 20, limit_bytes=500 << 20, shared_memory_bytes=64 << 20),
    latency_at_capacity_ms=149.5,
    throughput_rows_per_second=120.0,
    capacity_rows_per_second=100.0,
    objective_percentile=99.0,
    objective_ms=150.0,
    objective_met=True,
    peak_memory_bytes=2**30,
    load_seconds=1.0,
    hardware="x86-64",
    reasons=("sentence " * 200,) * 40,
    report_uri="s3://bucket/artifacts/n/m/tunings/key/1",
)
JOB = JobSeen(
    name="m-tune-0123456789-1", kind="tune", key=KEY, attempt=1, state="Running", reason="",
    message="", created_at=NOW, ended_at=None, deleting=False, pod=None,
)  # fmt: skip
DEPLOYMENT = DeploymentSeen(
    generation_observed=True, replicas=3, ready=2, updated=3, current=3,
    build_key=KEY, tuning_key=KEY, config_key=KEY,
)  # fmt: skip
SERVING = ServingPlan(
    version=Version(artifact=ARTIFACT, build_key=KEY, profile=PROFILE, tuning_key=KEY),
    config=ModelConfig(
        name=REF.name,
        backend="onnxruntime",
        variant=VARIANT.name,
        engine=VARIANT.engine,
        precision=VARIANT.precision,
        model_file=VARIANT.model_file,
        max_batch_size=8,
        interface=INTERFACE,
    ),
    config_key=KEY,
    memory=PodMemory(limit_bytes=1, reload_bytes=2),
)


def plan(kind: str) -> Plan:
    running = Stage(kind=kind, key=KEY, result=None, step=Running(job=JOB))
    return Plan(
        build=running,
        tune=running if kind == "tune" else None,
        serving=SERVING,
        start_build=None,
        start_tune=None,
        obsolete_jobs=(),
    )


def facts(**changes: Any) -> Facts:
    known: dict[str, Any] = {
        "plan": plan("tune"),
        "spec_error": None,
        "children": Children(jobs=(JOB,), results={}, deployment=DEPLOYMENT, pods=()),
        "verdict": Verdict(
            desired=3,
            reason="LoadGrew",
            metrics_available=True,
            metrics_reason="Fresh",
            metrics_message="fresh",
            decisions=tuple(
                Decision(at=NOW.replace(minute=minute), before=2, after=3, reason="load grew")
                for minute in range(9)
            ),
        ),
        "progress": "exporting (40 %): words",
        "suspend": False,
    }
    return Facts(**{**known, **changes})


FULL_STATUS = build_status(REF, SPEC, facts(), {}, now=NOW)


def without_nulls(value: Any) -> Any:
    """As a merge patch leaves it."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


@pytest.mark.parametrize(
    "status",
    [
        FULL_STATUS,
        build_status(REF, SPEC, facts(plan=plan("build")), {}, now=NOW),
        build_status(
            REF, None, facts(plan=None, spec_error=SpecError("spec.model", "x")), {}, now=NOW
        ),
        build_status(REF, SPEC, facts(suspend=True, verdict=None, plan=None), FULL_STATUS, now=NOW),
    ],
    ids=["everything", "first build", "unusable spec", "suspended"],
)
def test_what_the_operator_writes_fits_the_schema(
    strict_schema: Mapping[str, Any], status: dict[str, Any]
) -> None:
    jsonschema.validate(
        without_nulls(status),
        strict_schema["properties"]["status"],
        format_checker=jsonschema.FormatChecker(),
    )


def test_every_field_of_the_schema_is_written(schema: Mapping[str, Any], walk: Walk) -> None:
    """A field that nobody writes may not be in the schema."""
    declared = {path for path, _ in walk(schema["properties"]["status"]) if path}

    assert declared - set(paths(FULL_STATUS)) == set()


def paths(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        below = [p for key, item in value.items() for p in paths(item, f"{path}.{key}".lstrip("."))]
        return [path, *below] if path else below
    if isinstance(value, list | tuple):
        return [path, *(p for item in value for p in paths(item, f"{path}[]"))]
    return [path]


def test_the_description_names_every_condition(schema: Mapping[str, Any]) -> None:
    words = schema["properties"]["status"]["properties"]["conditions"]["description"]
    known = {*conditions.KNOWN, conditions.RECONCILING, conditions.STALLED}

    assert {name for name in known if name not in words} == set()


def test_the_kinds_of_job_are_the_same(schema: Mapping[str, Any]) -> None:
    job = schema["properties"]["status"]["properties"]["job"]["properties"]

    assert FULL_STATUS["job"]["kind"] in job["kind"]["enum"]
    assert set(job["kind"]["enum"]) == {"build", "tune"}


def test_there_is_room_for_what_the_operator_has_to_add_to_the_reasons(
    schema: Mapping[str, Any],
) -> None:
    reasons = schema["properties"]["status"]["properties"]["tuning"]["properties"]["reasons"]
    written = FULL_STATUS["tuning"]["reasons"]

    assert len(written) == reasons["maxItems"]
    assert written[-1] == reload_words(SERVING.memory)


def test_the_list_of_decisions_is_as_long_as_the_schema_allows(schema: Mapping[str, Any]) -> None:
    bound = schema["properties"]["status"]["properties"]["decisions"]["maxItems"]

    assert len(FULL_STATUS["decisions"]) == bound
