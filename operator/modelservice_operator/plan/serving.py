"""What the Triton pods serve: which artifact, with which configuration.

===============================  =======================  ==============================
newest artifact                  its tuning               served
===============================  =======================  ==============================
tuned                            succeeded                newest, tuned
same bytes as what is deployed   running or failed        newest, as deployed
other bytes, deployed is tuned   running or failed        what is deployed
nothing (tuned) deployed yet     running or failed        newest, batch 1, one instance
none (build failed or runs)      -                        what is deployed
===============================  =======================  ==============================
"""

from __future__ import annotations

from dataclasses import dataclass

from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.spec import ModelServiceSpec
from modelservice_runtime.contract.codec import digest_of
from modelservice_runtime.contract.model_config import ModelConfig, render_pbtxt, warmup_sizes
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.results import ArtifactSummary

from .keys import KEY_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One artifact with one tuning (``profile`` None: not tuned), and their keys."""

    artifact: ArtifactSummary
    build_key: str
    profile: Profile | None = None
    tuning_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPlan:
    """What the Deployment is to run. ``config_key`` names the configuration's ConfigMap."""

    version: Version
    config: ModelConfig
    config_key: str


def choose_version(newest: Version | None, deployed: Version | None) -> Version | None:
    """The version to serve; the table is in the module's docstring."""
    if newest is None or deployed is None or newest.profile is not None:
        return newest or deployed
    if newest.artifact.digest == deployed.artifact.digest:
        return Version(
            artifact=newest.artifact,
            build_key=newest.build_key,
            profile=deployed.profile,
            tuning_key=deployed.tuning_key,
        )
    return newest if deployed.profile is None else deployed


def plan_serving(
    name: str, version: Version, *, backend: str, spec: ModelServiceSpec
) -> ServingPlan:
    """The configuration of ``version``; before there is a profile: batch 1, one instance."""
    config = _config(name, version, backend, spec)
    words = {"config": render_pbtxt(config), "artifact": version.artifact.digest}
    return ServingPlan(version=version, config=config, config_key=digest_of(words)[:KEY_LENGTH])


def serving_cpu(spec: ModelServiceSpec) -> float:
    """Cores that a serving container may use: its limit, else its request, else 1."""
    resources = spec.serving.resources
    text = resources.limits.get("cpu") or resources.requests.get("cpu") or "1"
    return max(1.0, float(parse_quantity(text, "spec.serving.resources.limits.cpu")))


def serving_memory_limit(spec: ModelServiceSpec) -> int:
    """The serving container's memory limit in bytes, 0 for none."""
    text = spec.serving.resources.limits.get("memory", "0")
    return int(parse_quantity(text, "spec.serving.resources.limits.memory"))


def _config(name: str, version: Version, backend: str, spec: ModelServiceSpec) -> ModelConfig:
    profile, artifact = version.profile, version.artifact
    if profile is None:
        return ModelConfig(
            name=name,
            backend=backend,
            max_batch_size=1,
            interface=artifact.interface,
            threads=int(serving_cpu(spec)),
            warmup_batch_sizes=warmup_sizes(1),
            warmup_inputs=artifact.sample_inputs,
        )
    return ModelConfig(
        name=name,
        backend=backend,
        max_batch_size=profile.max_batch_size,
        interface=artifact.interface,
        instances=profile.instances,
        threads=profile.threads,
        queue_delay_microseconds=profile.queue_delay_microseconds,
        queue_timeout_microseconds=profile.queue_timeout_microseconds,
        warmup_batch_sizes=warmup_sizes(profile.max_batch_size),
        warmup_inputs=artifact.sample_inputs,
    )
