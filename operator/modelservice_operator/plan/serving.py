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

import dataclasses
from dataclasses import dataclass

from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.spec import ModelServiceSpec
from modelservice_operator.settings import Runtime
from modelservice_runtime.contract.codec import digest_of
from modelservice_runtime.contract.model_config import (
    ModelConfig,
    backend_for,
    render_pbtxt,
    warmup_sizes,
)
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.results import ArtifactSummary, VariantSummary

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
    """What the Deployment is to run. ``config_key`` names the configuration, which carries it."""

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
    name: str, version: Version, *, runtime: Runtime, spec: ModelServiceSpec
) -> ServingPlan | None:
    """The configuration of ``version``; before there is a profile: batch 1, one instance.

    None where ``runtime`` runs none of the artifact's variants: it was built for another one.
    """
    runnable = [item for item in version.artifact.variants if item.engine in runtime.engines]
    if not runnable:
        return None
    tuned = [v for v in runnable if version.profile and v.name == version.profile.variant]
    if not tuned:
        version = dataclasses.replace(version, profile=None, tuning_key="")
    config = _config(name, version, (tuned or runnable)[0], runtime, spec)
    words = {"config": render_pbtxt(config), "artifact": version.artifact.digest}
    key = digest_of(words)[:KEY_LENGTH]
    config = dataclasses.replace(config, key=key)
    return ServingPlan(version=version, config=config, config_key=key)


#: Two measurements of the same need differ by as much; the head-room is made for it.
SAME_SIZE = 1.1
_SIZES = ("request_bytes", "limit_bytes", "shared_memory_bytes", "gpu_bytes")


def sizing_version(target: Version, sized: Version | None) -> Version:
    """The version whose profile sizes the pods: the one that did, while the target fits into that.

    Requests and limits are part of the pods' template: a setting that needs a little more or less
    would else replace all pods.
    """
    if sized is None or sized.profile is None or target.profile is None:
        return target
    if sized.artifact.digest != target.artifact.digest:
        return target
    pairs = [
        (getattr(target.profile.memory, name), getattr(sized.profile.memory, name))
        for name in _SIZES
    ]
    pairs.append((target.profile.peak_memory_bytes, sized.profile.peak_memory_bytes))
    return sized if all(wants <= SAME_SIZE * has for wants, has in pairs) else target


def serving_cpu(spec: ModelServiceSpec) -> float:
    """Cores that a serving container may use: its limit, else its request, else 1."""
    resources = spec.serving.resources
    text = resources.limits.get("cpu") or resources.requests.get("cpu") or "1"
    return max(1.0, float(parse_quantity(text, "spec.serving.resources.limits.cpu")))


def serving_memory_limit(spec: ModelServiceSpec) -> int:
    """The serving container's memory limit in bytes, 0 for none."""
    text = spec.serving.resources.limits.get("memory", "0")
    return int(parse_quantity(text, "spec.serving.resources.limits.memory"))


def asks_for_gpu(spec: ModelServiceSpec) -> bool:
    """Whether a replica gets a GPU or a slice of one: then its model runs there."""
    return any(name.startswith("nvidia.com/") for name in spec.serving.resources.limits)


def _config(
    name: str,
    version: Version,
    variant: VariantSummary,
    runtime: Runtime,
    spec: ModelServiceSpec,
) -> ModelConfig:
    profile, artifact = version.profile, version.artifact
    size = profile.max_batch_size if profile else 1
    return ModelConfig(
        name=name,
        backend=backend_for(runtime.backend, variant.engine),
        variant=variant.name,
        engine=variant.engine,
        precision=variant.precision,
        model_file=variant.model_file,
        max_batch_size=size,
        interface=artifact.interface,
        instances=profile.instances if profile else 1,
        threads=profile.threads if profile else int(serving_cpu(spec)),
        queue_delay_microseconds=profile.queue_delay_microseconds if profile else 0,
        queue_timeout_microseconds=profile.queue_timeout_microseconds if profile else 0,
        warmup_batch_sizes=warmup_sizes(size),
        warmup_inputs=artifact.sample_inputs,
        gpu=asks_for_gpu(spec),
    )
