"""One service: observe → plan → apply → report. The only sequencing of IO for a service.

Level-triggered: every look reads all it needs, decides with pure functions and enforces the
whole; a crash between any two steps is made good by the next look. May not decide anything
itself and may not import an adapter.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.profile import Profile

from . import manifests as m
from .api import names
from .api.pausing import pause_of
from .api.service import ServiceKey, ServiceRef
from .api.spec import ModelServiceSpec, parse_spec
from .fleet import Fleet
from .plan.admin_key import key_name
from .plan.conditions import Facts
from .plan.events import events_of
from .plan.jobs import Paused, Running, result_text
from .plan.observed import Children, DeploymentSeen, parse_children
from .plan.placing import Placing, wanted_placing
from .plan.progress import last_progress
from .plan.pruning import obsolete_config_maps
from .plan.report import build_status, changed_conditions
from .plan.rivals import conflict, rival_of
from .plan.scaled import accelerator, scaled_view
from .plan.service_plan import Plan, Stage, Wanted, make_plan, resolve
from .plan.serving import gpu_count, serving_cpu
from .ports import Clock, ClusterPort, KeysPort, Telemetry
from .running.tuning import Applied, RunningTuning
from .settings import Settings

#: While a Job runs its progress is read this often.
PROGRESS_SECONDS = 3.0
LOG_TAIL_LINES = 20
#: Between two progress lines others may have logged: candidates are made side by side.
PROGRESS_TAIL_LINES = 100
_EVENT_TAIL_CHARACTERS = 600

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look has read and made of it."""

    service: Mapping[str, Any]
    ref: ServiceRef
    spec: ModelServiceSpec | None
    wanted: Wanted | None
    error: SpecError | None
    children: Children
    plan: Plan | None
    applied: Applied | None = None


class Reconciler:
    """Enforces one ModelService at a time; many run side by side."""

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        clock: Clock,
        fleet: Fleet,
        settings: Settings,
        telemetry: Telemetry,
        tuning: RunningTuning,
        keys: KeysPort,
    ) -> None:
        self._tuning = tuning
        self._keys = keys
        self._cluster = cluster
        self._clock = clock
        self._fleet = fleet
        self._settings = settings
        self._telemetry = telemetry

    async def __call__(self, key: ServiceKey) -> float | None:
        """Look once. Returns the seconds until the next look, None when the service is gone."""
        started = self._clock.now()
        result = "error"
        try:
            pause = await self._look(key)
            result = "ok"
        finally:
            self._telemetry.reconciled(result, (self._clock.now() - started).total_seconds())
        return pause

    async def _look(self, key: ServiceKey) -> float | None:
        service = await self._cluster.read_service(key)
        if service is None or "deletionTimestamp" in service["metadata"]:
            self._fleet.forget(key)
            self._tuning.forget(key)
            return None
        look = await self._observe(key, service)
        tail, look = await self._enforce(look)
        progress = await self._progress(look)
        await self._report(look, progress, tail)
        self._publish(look)
        return self._next_look(look)

    async def _observe(self, key: ServiceKey, service: Mapping[str, Any]) -> _Look:
        kinds = ("Job", "ConfigMap", "Deployment", "Pod")
        lists = await asyncio.gather(*(self._cluster.list_children(key, kind) for kind in kinds))
        jobs, config_maps, deployments, pods = lists
        children = parse_children(
            jobs=jobs, config_maps=config_maps, deployments=deployments, pods=pods
        )
        autoscalers = await self._cluster.list_autoscalers(key.namespace)
        children = dataclasses.replace(children, rival=rival_of(autoscalers, key.name))
        meta = service["metadata"]
        ref = ServiceRef(
            namespace=key.namespace,
            name=key.name,
            uid=meta["uid"],
            generation=meta["generation"],
        )
        spec = wanted = plan = error = None
        try:
            spec = parse_spec(service.get("spec", {}))
            wanted = resolve(ref, spec, meta.get("annotations", {}), self._settings)
            remembered = self._tuning.remembered(key, children)
            plan = make_plan(wanted, children, self._settings, self._clock.now(), remembered)
        except SpecError as problem:
            error = problem
        return _Look(
            service=service,
            ref=ref,
            spec=spec,
            wanted=wanted,
            error=error,
            children=children,
            plan=plan,
        )

    async def _enforce(self, look: _Look) -> tuple[str, _Look]:
        """Apply the plan; the log's last lines of a Job that has just failed, and what serves."""
        plan, wanted = look.plan, look.wanted
        if plan is None or wanted is None:
            return "", look
        tail = await self._keep_results(look, plan)
        for name in plan.obsolete_jobs:
            await self._cluster.delete("Job", look.ref.namespace, name)
            self._log(look, "Deleted Job %s: the spec asks for something else now", name)
        await self._start_jobs(look, plan, wanted)
        look, plan = await self._apply_serving(look, plan, wanted)
        for name in obsolete_config_maps(plan, look.children):
            await self._cluster.delete("ConfigMap", look.ref.namespace, name)
        return tail, look

    async def _keep_results(self, look: _Look, plan: Plan) -> str:
        tail = ""
        for stage in plan.stages:
            if not stage.fresh or stage.result is None:
                continue
            text = result_text(stage.result)
            manifest = m.result_config_map(
                look.ref, kind=stage.kind, key=stage.key, result_json=text
            )
            if stage.result.outcome != "Succeeded":
                tail = await self._failed_tail(look, stage)
            await self._cluster.apply(manifest, names.MANAGER)
            self._telemetry.job_ended(stage.kind, stage.result.outcome)
            self._log(
                look, "%s ended: %s: %s", stage.kind, stage.result.reason, stage.result.message
            )
        return tail

    async def _failed_tail(self, look: _Look, stage: Stage) -> str:
        job = getattr(stage.step, "job", None)
        if job is None or job.pod is None:
            return ""
        log = await self._cluster.log_tail(
            look.ref.namespace, job.pod.name, stage.kind, LOG_TAIL_LINES
        )
        return log[-_EVENT_TAIL_CHARACTERS:]

    async def _start_jobs(self, look: _Look, plan: Plan, wanted: Wanted) -> None:
        started = []
        if plan.start_build is not None:
            started += [
                m.build_job(
                    look.ref,
                    request=plan.start_build,
                    spec=wanted.spec,
                    store=wanted.store,
                    settings=self._settings,
                )
            ]
        if plan.start_tune is not None:
            started += [
                m.tune_job(
                    look.ref,
                    request=plan.start_tune,
                    spec=wanted.spec,
                    store=wanted.store,
                    runtime=wanted.runtime,
                    settings=self._settings,
                )
            ]
        for manifest in started:
            await self._cluster.create(manifest)
            self._log(look, "Created Job %s", manifest["metadata"]["name"])

    async def _apply_serving(self, look: _Look, plan: Plan, wanted: Wanted) -> tuple[_Look, Plan]:
        """Service, configuration, Deployment; what of them is served in the end is in the plan."""
        ref = look.ref
        await self._cluster.apply(m.service(ref), names.MANAGER)
        if plan.serving is None:
            return look, plan
        key = await self._keys.admin_key(ref)
        secret = names.admin_secret(ref.name, key_name(key))
        target = wanted_placing(plan, plan.serving)
        applied = await self._tuning.look(
            ref,
            wanted.spec,
            plan,
            look.children,
            wanted=target,
            pods_key=self._pods_key(wanted, target, secret),
        )
        placing = applied.placing
        if _rolls_out(look.children.deployment, placing):
            await self._cluster.create(m.admin_secret(ref, name=secret, key=key))
        await self._apply_placing(look, wanted, placing, secret)
        served = dataclasses.replace(placing.serving, memory=placing.memory)
        plan = dataclasses.replace(plan, serving=served, remembered=applied.remembered)
        return dataclasses.replace(look, plan=plan, applied=applied), plan

    async def _apply_placing(
        self, look: _Look, wanted: Wanted, placing: Placing, secret: str
    ) -> None:
        ref = look.ref
        deployment = m.deployment(
            ref,
            spec=wanted.spec,
            store=wanted.store,
            runtime=wanted.runtime,
            settings=self._settings,
            serving=_serving_version(wanted, placing, secret),
        )
        if look.children.deployment is None:
            deployment["spec"]["replicas"] = _first_replicas(wanted.spec)
        for manifest in (
            m.service_account(ref),
            m.disruption_budget(ref),
            m.serving_config_map(ref, rollout=placing.rollout, config=placing.serving.config),
            deployment,
        ):
            await self._cluster.apply(manifest, names.MANAGER)
        if look.children.deployment is None:
            first = m.replicas_manifest(ref.key, _first_replicas(wanted.spec))
            await self._cluster.apply(first, names.BALANCER)
            self._log(look, "Created Deployment %s", ref.name)

    def _pods_key(self, wanted: Wanted, placing: Placing, secret: str) -> str:
        return m.pods_key(
            wanted.ref,
            spec=wanted.spec,
            store=wanted.store,
            runtime=wanted.runtime,
            settings=self._settings,
            serving=_serving_version(wanted, placing, secret),
        )

    async def _progress(self, look: _Look) -> str:
        if look.plan is None:
            return ""
        for stage in look.plan.stages:
            if isinstance(stage.step, Running) and stage.step.job.pod:
                log = await self._cluster.log_tail(
                    look.ref.namespace, stage.step.job.pod.name, stage.kind, PROGRESS_TAIL_LINES
                )
                return last_progress(log)
        return ""

    async def _report(self, look: _Look, progress: str, tail: str) -> None:
        now = self._clock.now()
        facts = Facts(
            plan=look.plan,
            spec_error=look.error,
            children=look.children,
            verdict=self._fleet.verdicts.get(look.ref.key),
            progress=progress,
            suspend=bool(look.spec and look.spec.suspend),
            pending=look.applied.pending if look.applied else "",
            rival=conflict(look.spec, look.children, look.ref.name) if look.spec else "",
        )
        previous = look.service.get("status", {})
        status = build_status(look.ref, look.spec, facts, previous, now=now)
        if _without_nulls(status) != _without_nulls(previous):
            await self._cluster.patch_status(look.ref.key, status)
        before = previous.get("conditions", [])
        changed = changed_conditions(status["conditions"], before)
        for event in events_of(changed, tail=tail, first=not before):
            await self._event(look, event.type, event.reason, event.message, now)
        known = {_decision_key(item) for item in previous.get("decisions", ())}
        for decision in status["decisions"]:
            if _decision_key(decision) not in known:
                words = f"{decision['from']} → {decision['to']}: {decision['reason']}"
                await self._event(look, "Normal", "Rescaled", words, now)

    async def _event(
        self, look: _Look, type_: str, reason: str, message: str, now: datetime
    ) -> None:
        self._log(look, "%s: %s", reason, message)
        await self._cluster.event(look.service, type_, reason, message, now)

    def _publish(self, look: _Look) -> None:
        if look.spec is None:
            return
        self._fleet.publish(
            scaled_view(
                look.ref,
                look.spec,
                look.wanted.runtime if look.wanted else None,
                look.plan,
                look.children,
                speed=self._tuning.speed(look.ref.key),
                pause=pause_of(look.service["metadata"].get("annotations", {})),
            )
        )

    def _next_look(self, look: _Look) -> float:
        pause = float(self._settings.resync_seconds)
        if look.applied is not None and look.applied.pause is not None:
            pause = min(pause, look.applied.pause)
        for stage in look.plan.stages if look.plan else ():
            if stage.result is not None:
                continue
            if isinstance(stage.step, Paused):
                left = (stage.step.until - self._clock.now()).total_seconds()
                pause = min(pause, max(1.0, left))
            else:
                pause = min(pause, PROGRESS_SECONDS)
        return pause

    def _log(self, look: _Look, message: str, *args: object) -> None:
        extra = {"namespace": look.ref.namespace, "service": look.ref.name}
        logger.info(message, *args, extra=extra)


def _rolls_out(deployment: DeploymentSeen | None, placing: Placing) -> bool:
    """Whether new pods come, which want their key; those without one are replaced in the end."""
    return deployment is None or deployment.rollout != placing.rollout


def _serving_version(wanted: Wanted, placing: Placing, secret: str) -> m.ServingVersion:
    served = placing.serving
    return m.ServingVersion(
        artifact=served.version.artifact,
        config=served.config,
        config_key=served.config_key,
        build_key=served.version.build_key,
        tuning_key=served.version.tuning_key,
        memory=placing.memory,
        flags=tuple(m.tuned_flags(_flagging(placing), gpu_count(wanted.spec))),
        rollout=placing.rollout,
        sized_by=placing.sized.version.tuning_key,
        admin_secret=secret,
        cpu=serving_cpu(wanted.spec),
    )


def _flagging(placing: Placing) -> Profile | None:
    """The profile that Triton's flags come from: sizes are the pods', the rest the setting's."""
    profile, sized = placing.serving.version.profile, placing.sized.version.profile
    if profile is None or sized is None:
        return profile
    return dataclasses.replace(
        profile, memory=sized.memory, pinned_memory_bytes=sized.pinned_memory_bytes
    )


def _first_replicas(spec: ModelServiceSpec) -> int:
    """Those that ask for GPUs wait for the fleet loop, which knows whether there are as many."""
    shared = accelerator(spec)[1] > 0
    if spec.suspend or (shared and not spec.scaling.only_advised):
        return 0
    by_hand = spec.scaling.replicas
    return spec.scaling.min_replicas if by_hand is None else by_hand


def _decision_key(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return item["time"], item["from"], item["to"], item["reason"]


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(item) for item in value]
    return value
