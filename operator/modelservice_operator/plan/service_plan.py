"""The whole plan of one service: which Jobs, which results to keep, what to serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec, Store
from modelservice_operator.settings import Runtime, Settings
from modelservice_runtime.contract.build_spec import build_request
from modelservice_runtime.contract.codec import ContractError
from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.requests import BuildRequest, TuneRequest
from modelservice_runtime.contract.results import SUCCEEDED, BuildResult, TuneResult
from modelservice_runtime.contract.store_layout import attempt_uri, tuning_uri

from .jobs import Finished, JobResult, Start, Step, next_step, parse_result
from .keys import build_key, tuning_key
from .memory import after_kills
from .observed import RUNNING, Children, JobSeen
from .remembered import Remembered
from .retuning import conclude
from .serving import (
    ServingPlan,
    Version,
    choose_version,
    plan_serving,
    served_setting,
    serving_cpu,
    serving_memory_limit,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The parsed wish: spec, and what the operator's settings make of it."""

    ref: ServiceRef
    spec: ModelServiceSpec
    annotations: Mapping[str, str]
    store: Store
    runtime: Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Build or tune: its key, the result if there is one, else the step that leads to it."""

    kind: str
    key: str
    result: JobResult | None
    step: Step | None

    @property
    def fresh(self) -> bool:
        """The result comes from a Job that has just ended and is to be kept."""
        return isinstance(self.step, Finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done for one service, in values.

    ``tune``: the tuning that is to serve; ``retune``: one that is under way for a running service.
    ``serving``: the target; ``deployed``: what the Deployment says that serves, and ``sized``: the
    plan that its pods' memory comes from. ``remembered``: with the end of a retuning in it.
    """

    build: Stage
    tune: Stage | None
    serving: ServingPlan | None
    start_build: BuildRequest | None
    start_tune: TuneRequest | None
    obsolete_jobs: tuple[str, ...]
    retune: Stage | None = None
    deployed: ServingPlan | None = None
    sized: ServingPlan | None = None
    remembered: Remembered = field(default_factory=Remembered)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All that there are, each once."""
        parts = (self.build, self.tune, self.retune)
        return tuple({stage.key: stage for stage in parts if stage is not None}.values())


def resolve(
    ref: ServiceRef, spec: ModelServiceSpec, annotations: Mapping[str, str], settings: Settings
) -> Wanted:
    """Join the spec with the operator's settings.

    Raises:
        SpecError: the runtime is not one of the operator's.
    """
    runtime = settings.runtimes.get(spec.serving.runtime)
    if runtime is None:
        known = ", ".join(sorted(settings.runtimes))
        message = f"no runtime {spec.serving.runtime!r} is configured; this operator has: {known}"
        raise SpecError("spec.serving.runtime", message)
    return Wanted(
        ref=ref,
        spec=spec,
        annotations=annotations,
        store=spec.store or settings.store,
        runtime=runtime,
    )


def make_plan(
    wanted: Wanted,
    children: Children,
    settings: Settings,
    now: datetime,
    remembered: Remembered | None = None,
) -> Plan:
    """Decide everything about one service except its replica count."""
    key = build_key(wanted.spec, wanted.store, wanted.runtime, wanted.annotations)
    build = _stage(names.BUILD, key, children, settings, now)
    seen = children.deployment
    deployed = _version(children, seen.tuning_key) if seen else None
    newest = _built(build) or deployed
    base = tuning_key(wanted.spec, wanted.runtime, newest.artifact.digest) if newest else ""
    remembered = (remembered or Remembered()).about(base)
    retune = _retune_stage(remembered, children, settings, now)
    if retune is not None and isinstance(retune.result, TuneResult):
        remembered = conclude(
            remembered,
            retune.result,
            memory_limit=serving_memory_limit(wanted.spec),
            now=now.timestamp(),
            settings=settings.tuning,
        )
    elif remembered.chosen and _kept(children, names.TUNE, remembered.chosen) is None:
        remembered = dataclasses.replace(remembered, chosen="")  # someone deleted its result
    tune = _tune_stage(remembered, retune, children, settings, now)
    version = choose_version(_tuned(newest, tune), deployed)
    serving, current = (_serving(wanted, item, children) for item in (version, deployed))
    if serving is not None and current is not None and serving.config_key in remembered.rejected:
        serving = current
    return Plan(
        build=build,
        tune=tune,
        serving=serving,
        start_build=_build_request(wanted, build),
        start_tune=_tune_request(wanted, newest, deployed, tune)
        or _retune_request(wanted, newest, retune, remembered),
        obsolete_jobs=obsolete_jobs(children, build, tune, retune),
        retune=retune,
        deployed=current,
        sized=_serving(wanted, _version(children, seen.sized_by), children) if seen else None,
        remembered=remembered,
    )


def _stage(kind: str, key: str, children: Children, settings: Settings, now: datetime) -> Stage:
    kept = _kept(children, kind, key)
    if kept is not None:
        return Stage(kind=kind, key=key, result=kept, step=None)
    step = next_step(children.jobs, kind=kind, key=key, settings=settings.jobs, now=now)
    result = step.result if isinstance(step, Finished) else None
    return Stage(kind=kind, key=key, result=result, step=step)


def _kept(children: Children, kind: str, key: str) -> JobResult | None:
    text = children.results.get((kind, key))
    if text is None:
        return None
    try:
        return parse_result(kind, text)
    except ContractError:
        return None  # someone edited it: the Job runs again, finds its manifest, says it again


def _built(build: Stage) -> Version | None:
    result = build.result
    if isinstance(result, BuildResult) and result.outcome == SUCCEEDED and result.artifact:
        return Version(artifact=result.artifact, build_key=build.key)
    return None


def _version(children: Children, tuning: str) -> Version | None:
    """The artifact that the Deployment serves, with the tuning of that key."""
    if children.deployment is None:
        return None
    built = _kept(children, names.BUILD, children.deployment.build_key)
    if not isinstance(built, BuildResult) or built.artifact is None:
        return None
    tuned = _kept(children, names.TUNE, tuning)
    profile = tuned.profile if isinstance(tuned, TuneResult) else None
    return Version(
        artifact=built.artifact,
        build_key=children.deployment.build_key,
        profile=profile,
        tuning_key=tuning if profile else "",
    )


def _tune_stage(
    remembered: Remembered,
    retune: Stage | None,
    children: Children,
    settings: Settings,
    now: datetime,
) -> Stage | None:
    """The tuning that is to serve: the spec's, or the retuning that was chosen over it."""
    if not remembered.base:
        return None
    if remembered.chosen and retune is not None and retune.key == remembered.chosen:
        return retune
    return _stage(names.TUNE, remembered.chosen or remembered.base, children, settings, now)


def _retune_stage(
    remembered: Remembered, children: Children, settings: Settings, now: datetime
) -> Stage | None:
    if remembered.retune is None:
        return None
    return _stage(names.TUNE, remembered.retune.key, children, settings, now)


def _tuned(newest: Version | None, tune: Stage | None) -> Version | None:
    if newest is None or tune is None:
        return newest
    profile = tune.result.profile if isinstance(tune.result, TuneResult) else None
    return Version(
        artifact=newest.artifact,
        build_key=newest.build_key,
        profile=profile,
        tuning_key=tune.key if profile else "",
    )


def _serving(wanted: Wanted, version: Version | None, children: Children) -> ServingPlan | None:
    if version is None:
        return None
    plan = plan_serving(wanted.ref.name, version, runtime=wanted.runtime, spec=wanted.spec)
    if plan is None:
        return None
    memory = after_kills(plan.memory, tuning_key=plan.version.tuning_key, children=children)
    return dataclasses.replace(plan, memory=memory)


def _build_request(wanted: Wanted, build: Stage) -> BuildRequest | None:
    if not isinstance(build.step, Start) or wanted.spec.suspend:
        return None
    ref, attempt = wanted.ref, build.step.attempt
    return build_request(
        wanted.spec.build,
        namespace=ref.namespace,
        name=ref.name,
        build_key=build.key,
        attempt=attempt,
        store_uri=wanted.store.uri,
        artifact_uri=attempt_uri(wanted.store.uri, ref.namespace, ref.name, build.key, attempt),
        engines=wanted.runtime.engines,
    )


def _tune_request(
    wanted: Wanted, newest: Version | None, deployed: Version | None, tune: Stage | None
) -> TuneRequest | None:
    if newest is None or tune is None or not isinstance(tune.step, Start) or wanted.spec.suspend:
        return None
    spec, ref, attempt = wanted.spec, wanted.ref, tune.step.attempt
    return TuneRequest(
        namespace=ref.namespace,
        name=ref.name,
        tuning_key=tune.key,
        attempt=attempt,
        artifact_uri=newest.artifact.uri,
        artifact_digest=newest.artifact.digest,
        backend=wanted.runtime.backend,
        objective=spec.serving.objective,
        max_batch_size=spec.serving.max_batch_size,
        cpu=serving_cpu(spec),
        memory_limit_bytes=serving_memory_limit(spec),
        duration_seconds=spec.serving.max_tuning_duration_seconds,
        traffic=spec.serving.traffic,
        report_uri=tuning_uri(wanted.store.uri, ref.namespace, ref.name, tune.key, attempt),
        current=served_setting(deployed, newest.artifact),
    )


def _retune_request(
    wanted: Wanted, newest: Version | None, stage: Stage | None, remembered: Remembered
) -> TuneRequest | None:
    """As the spec's own tuning, for the traffic observed, and compared with what serves."""
    request, retune = _tune_request(wanted, newest, None, stage), remembered.retune
    if request is None or retune is None:
        return None
    return dataclasses.replace(request, traffic=retune.traffic, current=retune.current)


def obsolete_jobs(
    children: Children, build: Stage, tune: Stage | None, retune: Stage | None = None
) -> tuple[str, ...]:
    """Names of the Jobs to delete: pods of theirs still run, and nobody waits for the outcome."""
    parts = (build, tune, retune)
    stages = {(stage.kind, stage.key): stage for stage in parts if stage is not None}
    newest: dict[tuple[str, str], int] = {}
    for job in children.jobs:
        newest[job.kind, job.key] = max(job.attempt, newest.get((job.kind, job.key), 0))
    return tuple(
        job.name
        for job in children.jobs
        if not job.deleting
        and _is_obsolete(job, stages.get((job.kind, job.key)), newest[job.kind, job.key])
    )


def _is_obsolete(job: JobSeen, stage: Stage | None, newest: int) -> bool:
    """Whether nobody waits for the Job; a lingering one still tells which attempt was the last."""
    if stage is None:
        return job.state == RUNNING or job.lingering
    kept = stage.result is not None and not stage.fresh
    return job.lingering and (kept or job.attempt < newest)
