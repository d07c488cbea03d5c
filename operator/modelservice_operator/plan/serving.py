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
from dataclasses import dataclass, field

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
from modelservice_runtime.contract.profile import MemoryPlan, Profile, ServedSetting
from modelservice_runtime.contract.results import ArtifactSummary, VariantSummary

from .keys import KEY_LENGTH
from .memory import PodMemory, fits, plan_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One artifact with one tuning (``profile`` None: not tuned), and their keys."""

    artifact: ArtifactSummary
    build_key: str
    profile: Profile | None = None
    tuning_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPlan:
    """What the Deployment is to run. ``config_key`` names the configuration, which carries it.

    ``unfit``: what a measured setting needs that is not served because it is more than the limit.
    """

    version: Version
    config: ModelConfig
    config_key: str
    memory: PodMemory = field(default_factory=PodMemory)
    unfit: MemoryPlan | None = None


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
    A profile counts for nothing where its variant does not run, or needs more memory than there is.
    """
    runnable = [item for item in version.artifact.variants if item.engine in runtime.engines]
    if not runnable:
        return None
    limit, profile = serving_memory_limit(spec), version.profile
    unfit = profile.memory if profile and not fits(profile.memory, limit) else None
    tuned = next((v for v in runnable if profile and v.name == profile.variant), None)
    if tuned is None or unfit is not None:
        tuned, version = None, dataclasses.replace(version, profile=None, tuning_key="")
    config = _config(name, version, tuned or runnable[0], runtime, spec)
    plan = version.profile.memory if version.profile else None
    words = {"config": render_pbtxt(config), "artifact": version.artifact.digest}
    key = digest_of(words)[:KEY_LENGTH]
    return ServingPlan(
        version=version,
        config=dataclasses.replace(config, key=key),
        config_key=key,
        memory=plan_memory(plan, asked=serving_memory_request(spec), limit=limit),
        unfit=unfit,
    )


#: Two measurements of the same need differ by as much; the head-room is made for it.
SAME_SIZE = 1.1
_SIZES = ("request_bytes", "limit_bytes", "shared_memory_bytes", "gpu_bytes")


def sizing_plan(target: ServingPlan, sized: ServingPlan | None) -> ServingPlan:
    """The plan whose memory the pods have: the one that sized them, while the target fits into it.

    Requests and limits are part of the pods' template: a setting that needs a little more or less
    would else replace all pods. Memory that was raised after a kill is no plan, and ends with it.
    """
    wants, has = target.version.profile, sized.version.profile if sized else None
    if sized is None or wants is None or has is None or sized.memory.raised:
        return target
    if sized.version.artifact.digest != target.version.artifact.digest:
        return target
    pairs = [(getattr(wants.memory, name), getattr(has.memory, name)) for name in _SIZES]
    return sized if all(more <= SAME_SIZE * less for more, less in pairs) else target


def served_setting(deployed: Version | None, artifact: ArtifactSummary) -> ServedSetting | None:
    """The measured setting of what is deployed, as far as ``artifact`` can be served with it.

    A new artifact may lack the variant: then there is nothing to compare a tuning with.
    """
    profile = deployed.profile if deployed else None
    if profile is None or profile.variant not in {item.name for item in artifact.variants}:
        return None
    return setting_of(profile)


def setting_of(profile: Profile) -> ServedSetting:
    """What of a profile is served."""
    return ServedSetting(
        variant=profile.variant,
        max_batch_size=profile.max_batch_size,
        instances=profile.instances,
        threads=profile.threads,
        queue_delay_microseconds=profile.queue_delay_microseconds,
    )


def serving_cpu(spec: ModelServiceSpec) -> float:
    """Cores that a serving container may use: its limit, else its request, else 1."""
    resources = spec.serving.resources
    text = resources.limits.get("cpu") or resources.requests.get("cpu") or "1"
    return max(1.0, float(parse_quantity(text, "spec.serving.resources.limits.cpu")))


def serving_memory_limit(spec: ModelServiceSpec) -> int:
    """The serving container's memory limit in bytes, 0 for none."""
    text = spec.serving.resources.limits.get("memory", "0")
    return int(parse_quantity(text, "spec.serving.resources.limits.memory"))


def serving_memory_request(spec: ModelServiceSpec) -> int:
    """The memory that is asked for a serving container in bytes, 0 for none."""
    text = spec.serving.resources.requests.get("memory", "0")
    return int(parse_quantity(text, "spec.serving.resources.requests.memory"))


def gpu_count(spec: ModelServiceSpec) -> int:
    """GPUs, or slices of them, that a replica gets: with one, its model runs there."""
    limits = spec.serving.resources.limits.items()
    return sum(
        int(parse_quantity(number, f"spec.serving.resources.limits.{name}"))
        for name, number in limits
        if name.startswith("nvidia.com/")
    )


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
        response_cache=profile is not None and profile.response_cache_bytes > 0,
        cuda_graphs=profile is not None and profile.cuda_graphs,
        padded=profile is not None and profile.padded,
        warmup_batch_sizes=warmup_sizes(size),
        warmup_inputs=artifact.sample_inputs,
        gpu=gpu_count(spec) > 0,
    )
