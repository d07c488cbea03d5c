"""The objects of one service as YAML, to be read in a review.

After a wanted change: ``UPDATE_GOLDEN=1 make test-quick ARGS=tests/golden``, and a line in the
CHANGELOG.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import operator_samples as samples
import pytest
import yaml

from modelservice_operator import manifests as m
from modelservice_operator.manifests.deployment import ServingVersion
from modelservice_operator.plan.service_plan import make_plan, resolve
from modelservice_operator.plan.serving import Version, plan_serving
from modelservice_runtime.contract.model_config import (
    TENSORRT_BACKEND,
    RateLimitedResource,
    render_pbtxt,
)
from modelservice_runtime.contract.requests import TENSORRT, TuneRequest
from modelservice_runtime.contract.store_layout import tuning_uri

FOLDER = Path(__file__).parent / "expected"
SETTINGS = samples.settings()
WANTED = resolve(samples.ref(), samples.spec(), {}, SETTINGS)
VERSION = Version(
    artifact=samples.artifact(), build_key="b" * 40, profile=samples.profile(), tuning_key="t" * 40
)
SERVING = plan_serving("tiny", VERSION, runtime=WANTED.runtime, spec=WANTED.spec)
assert SERVING is not None


def build(**optimization: Any) -> dict[str, Any]:
    """The build Job of a new service."""
    optimized = dataclasses.replace(WANTED.spec.build.optimization, **optimization)
    wanted = dataclasses.replace(WANTED, spec=samples.built(optimization=optimized))
    plan = make_plan(wanted, samples.children(), SETTINGS, samples.NOW)
    assert plan.start_build is not None
    return m.build_job(
        WANTED.ref,
        request=plan.start_build,
        spec=WANTED.spec,
        store=WANTED.store,
        settings=SETTINGS,
    )


def tune() -> dict[str, Any]:
    """The tune Job of the sample artifact."""
    request = TuneRequest(
        namespace="demo",
        name="tiny",
        tuning_key="t" * 40,
        attempt=1,
        artifact_uri=VERSION.artifact.uri,
        artifact_digest=VERSION.artifact.digest,
        backend="python",
        objective=WANTED.spec.serving.objective,
        max_batch_size=16,
        cpu=1.0,
        memory_limit_bytes=2 << 30,
        duration_seconds=900,
        report_uri=tuning_uri(WANTED.store.uri, "demo", "tiny", "t" * 40, 1),
    )
    return m.tune_job(
        WANTED.ref,
        request=request,
        spec=WANTED.spec,
        store=WANTED.store,
        runtime=WANTED.runtime,
        settings=SETTINGS,
    )


def deployment() -> dict[str, Any]:
    """The tuned Deployment."""
    return m.deployment(
        WANTED.ref,
        spec=WANTED.spec,
        store=WANTED.store,
        runtime=WANTED.runtime,
        settings=SETTINGS,
        serving=ServingVersion(
            artifact=VERSION.artifact,
            config=SERVING.config,
            config_key=SERVING.config_key,
            build_key=VERSION.build_key,
            tuning_key=VERSION.tuning_key,
            memory=SERVING.memory,
            rollout=SERVING.config_key,
            sized_by=VERSION.tuning_key,
            admin_secret="tiny-admin-12345678",  # noqa: S106 - a name
            cpu=1.0,
        ),
    )


OBJECTS = {
    "build-job.yaml": build,
    "build-job-shared.yaml": lambda: build(parallelism=4),
    "tune-job.yaml": tune,
    "deployment.yaml": deployment,
    "service.yaml": lambda: m.service(WANTED.ref),
    "disruption-budget.yaml": lambda: m.disruption_budget(WANTED.ref),
    "service-account.yaml": lambda: m.service_account(WANTED.ref),
    "serving-config-map.yaml": lambda: m.serving_config_map(
        WANTED.ref, rollout=SERVING.config_key, config=SERVING.config
    ),
    "admin-secret.yaml": lambda: m.admin_secret(
        WANTED.ref, name="tiny-admin-12345678", key="0123456789abcdef"
    ),
}


def compare(name: str, text: str) -> None:
    """Fail with both texts where they differ; write it where that is asked for."""
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_as_reviewed(name: str) -> None:
    compare(name, yaml.safe_dump(OBJECTS[name](), sort_keys=False, width=100))


def test_the_triton_configuration_is_as_reviewed() -> None:
    compare("config.pbtxt", render_pbtxt(SERVING.config))


def test_a_triton_configuration_with_everything_is_as_reviewed() -> None:
    everything = dataclasses.replace(
        SERVING.config,
        engine=TENSORRT,
        backend=TENSORRT_BACKEND,
        response_cache=True,
        cuda_graphs=True,
        priority_levels=2,
        rate_limiter=(RateLimitedResource(name="cores", count=4, priority=2),),
    )
    compare("config-everything.pbtxt", render_pbtxt(everything))
