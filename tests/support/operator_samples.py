"""Values that the operator's unit tests start from. Each test changes what it is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.capacity import Capacity
from modelservice_operator.api.service import ServiceKey, ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec, Scaling, Serving, parse_spec
from modelservice_operator.fleet import ReplicaSeen, ServiceView
from modelservice_operator.plan.observed import (
    FAILED,
    Children,
    DeploymentSeen,
    JobSeen,
    PodSeen,
)
from modelservice_operator.settings import Settings
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.profile import MemoryPlan, Profile, ServicePoint
from modelservice_runtime.contract.requests import RECIPE_VERSION
from modelservice_runtime.contract.results import (
    SUCCEEDED,
    ArtifactSummary,
    BuildResult,
    TuneResult,
    VariantSummary,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

SETTINGS_JSON = """
{"builderImage": "modelservice-builder:1", "kerasBuilderImage": "modelservice-builder-keras:1",
 "store": {"uri": "pvc://models/artifacts"},
 "prometheusUrl": "http://prometheus:9090",
 "runtimes": [{"name": "triton", "image": "modelservice-serving:1",
               "tunerImage": "modelservice-tuner:1", "backend": "python"}]}
"""

MINIMAL_SPEC: Mapping[str, Any] = {
    "model": {"source": {"pytorch": {"uri": "pvc://models/tiny", "entrypoint": "tiny:load"}}},
    "serving": {"latencyObjective": {"milliseconds": 100}},
}


def settings() -> Settings:
    """The operator's settings, all defaults."""
    return Settings.from_json(SETTINGS_JSON)


def spec(**changes: Any) -> ModelServiceSpec:
    """The parsed minimal spec, fields replaced."""
    return dataclasses.replace(parse_spec(MINIMAL_SPEC), **changes)


def serving(**changes: Any) -> Serving:
    """How the minimal spec is served, fields replaced."""
    return dataclasses.replace(spec().serving, **changes)


def built(**changes: Any) -> ModelServiceSpec:
    """The parsed minimal spec, fields of its build replaced."""
    base = spec()
    return dataclasses.replace(base, build=dataclasses.replace(base.build, **changes))


def ref(name: str = "tiny", generation: int = 1) -> ServiceRef:
    """The object that children belong to."""
    return ServiceRef(namespace="demo", name=name, uid="uid-1", generation=generation)


INTERFACE = ModelInterface(
    inputs=(TensorSpec(name="x", datatype="FP32", dims=(8,)),),
    outputs=(TensorSpec(name="y", datatype="FP32", dims=(4,)),),
)


QUANTIZED = VariantSummary(
    name="fuse+int8-dynamic",
    engine="onnxruntime",
    precision="int8",
    folder="variants/fuse+int8-dynamic",
    model_file="model.onnx",
)
COMPILED = VariantSummary(
    name="openvino",
    engine="openvino",
    precision="fp32",
    folder="variants/openvino",
    model_file="model.xml",
)


def artifact(digest: str = "sha256:" + "a" * 64, **changes: Any) -> ArtifactSummary:
    """A published artifact with two variants, one for each engine of the python backend."""
    base = ArtifactSummary(
        uri="pvc://models/artifacts/demo/tiny/k/1",
        digest=digest,
        size_bytes=1000,
        metric_name="Accuracy",
        metric_value=0.982,
        metric_source_value=0.984,
        samples=1200,
        goal_met=True,
        goal="a loss of at most 0.01 is proven",
        speedup=2.1,
        recipe_version=RECIPE_VERSION,
        interface=INTERFACE,
        sample_inputs=INTERFACE.inputs,
        variants=(QUANTIZED, COMPILED),
    )
    return dataclasses.replace(base, **changes)


def profile(digest: str = "sha256:" + "a" * 64, **changes: Any) -> Profile:
    """A measured profile."""
    base = Profile(
        artifact_digest=digest,
        variant=COMPILED.name,
        backend="python",
        max_batch_size=8,
        instances=2,
        threads=1,
        queue_delay_microseconds=0,
        queue_timeout_microseconds=50_000,
        service=(ServicePoint(batch=1, milliseconds=5.0),),
        memory=MemoryPlan(
            request_bytes=400 << 20, limit_bytes=500 << 20, shared_memory_bytes=64 << 20
        ),
        latency_at_capacity_ms=60.0,
        throughput_rows_per_second=120.0,
        capacity_rows_per_second=50.0,
        objective_percentile=99.0,
        objective_ms=100.0,
        objective_met=True,
        peak_memory_bytes=300 << 20,
        load_seconds=2.0,
        hardware="test",
        reasons=("batch 8 keeps the goal",),
        report_uri="pvc://models/artifacts/demo/tiny/tunings/t/1",
    )
    return dataclasses.replace(base, **changes)


def build_result(key: str, digest: str = "sha256:" + "a" * 64, **changes: Any) -> str:
    """A successful build's result as it is kept, fields of its artifact replaced."""
    return dumps(
        BuildResult(
            key=key,
            attempt=1,
            outcome=SUCCEEDED,
            reason="Published",
            message="published",
            artifact=artifact(digest, **changes),
        )
    )


def tune_result(key: str, digest: str = "sha256:" + "a" * 64, **changes: Any) -> str:
    """A successful tuning's result as it is kept, fields of its profile replaced."""
    return dumps(
        TuneResult(
            key=key,
            attempt=1,
            outcome=SUCCEEDED,
            reason="Tuned",
            message="batch 8, 2 instances",
            profile=profile(digest, **changes),
        )
    )


def pod(**changes: Any) -> PodSeen:
    """A Job's pod that ended with code 1 and no words."""
    base = PodSeen(
        name="pod-1",
        job="job-1",
        component=names.BUILD,
        created_at=NOW,
        ready=False,
        waiting="",
        exit_code=1,
        exit_reason="Error",
        exit_message="",
    )
    return dataclasses.replace(base, **changes)


def job(**changes: Any) -> JobSeen:
    """A build Job that has failed ten seconds ago."""
    base = JobSeen(
        name="job-1",
        kind=names.BUILD,
        key="k",
        attempt=1,
        state=FAILED,
        reason="BackoffLimitExceeded",
        message="",
        created_at=NOW - timedelta(seconds=60),
        ended_at=NOW - timedelta(seconds=10),
        deleting=False,
        pod=pod(),
    )
    return dataclasses.replace(base, **changes)


def deployment(**changes: Any) -> DeploymentSeen:
    """A Deployment whose two replicas answer."""
    base = DeploymentSeen(
        generation_observed=True,
        replicas=2,
        ready=2,
        updated=2,
        current=2,
        build_key="",
        tuning_key="",
        config_key="",
    )
    return dataclasses.replace(base, **changes)


def children(**changes: Any) -> Children:
    """A service that has nothing yet."""
    base = Children(jobs=(), results={}, deployment=None, pods=())
    return dataclasses.replace(base, **changes)


def replicas_seen(count: int, name: str = "tiny") -> tuple[ReplicaSeen, ...]:
    """So many that have answered for long, and took half a minute to start."""
    since = NOW.timestamp() - 3600
    return tuple(
        ReplicaSeen(pod=f"{name}-{number}", created_at=since, ready_at=since + 30)
        for number in range(count)
    )


def view(name: str = "tiny", **changes: Any) -> ServiceView:
    """A tuned service with two replicas, bounds 1 to 8, 50 rows/s each."""
    count = changes.get("replicas", 2)
    base = ServiceView(
        key=ServiceKey("demo", name),
        scaling=Scaling(min_replicas=1, max_replicas=8, mode="Auto", replicas=None),
        suspend=False,
        capacity=Capacity.single(50.0, 70.0),
        replicas=count,
        pods=replicas_seen(count or 0, name),
    )
    return dataclasses.replace(base, **changes)
