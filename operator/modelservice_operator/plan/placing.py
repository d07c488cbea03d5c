"""Which configuration goes where: the facts of the next step, and what it means for the objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from modelservice_operator.drift.statistics import PodStatistics, Unheard
from modelservice_operator.settings import TuningSettings
from modelservice_runtime.contract.codec import digest_of

from .applying import ApplyingStep, Promote, RollOut, ServingPod, Situation
from .memory import PodMemory
from .observed import Children, DeploymentSeen
from .service_plan import Plan
from .serving import ServingPlan, Version, sizing_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """What ConfigMap and Deployment say.

    ``rollout``: names the ConfigMap, and stays while pods are reloaded only. ``sized``: the plan
    whose memory the pods have.
    """

    serving: ServingPlan
    rollout: str
    sized: ServingPlan

    @property
    def memory(self) -> PodMemory:
        """Of the pods; whether a reload fits into it, the setting that serves says."""
        return dataclasses.replace(self.sized.memory, reload_bytes=self.serving.memory.reload_bytes)


def wanted_placing(plan: Plan, target: ServingPlan) -> Placing:
    """The target in pods sized as they are, where it fits into them."""
    sized = sizing_plan(target, plan.sized)
    return Placing(serving=target, rollout=target.config_key, sized=sized)


def situation_of(
    plan: Plan,
    wanted: Placing,
    children: Children,
    *,
    seen: Mapping[str, PodStatistics | Unheard],
    pods_key: str,
    blocked_since: float | None,
    settings: TuningSettings,
    now: float,
) -> Situation | None:
    """The facts; None where nothing serves yet. ``pods_key``: of the pods that the target needs."""
    deployment = children.deployment
    if deployment is None:
        return None
    target = wanted.serving
    deployed = plan.deployed.version if plan.deployed else None
    profile = target.version.profile
    return Situation(
        target=target.config_key,
        truth=_truth(children, deployment),
        same_pods=pods_key == deployment.pods_key,
        fits=wanted.memory.reload_fits,
        needs_trial=_needs_trial(target.version, deployed),
        forced=plan.remembered.forced,
        one_template=deployment.one_template,
        replicas=deployment.replicas,
        pods=_pods(children, seen),
        trial=plan.remembered.trial,
        blocked_since=blocked_since,
        goal_milliseconds=profile.objective_ms if profile else 0.0,
        trial_seconds=float(settings.trial_seconds),
        now=now,
    )


def _truth(children: Children, deployment: DeploymentSeen) -> str:
    """What a pod takes that starts now; a ConfigMap that is gone is about to be made again."""
    held = [item.holds for item in children.config_maps if item.key == deployment.rollout]
    return next(filter(None, held), deployment.config_key)


def _needs_trial(target: Version, deployed: Version | None) -> bool:
    """Only a tuning can be worse than another one."""
    if deployed is None or deployed.profile is None or target.profile is None:
        return False
    return target.tuning_key != deployed.tuning_key


def _pods(
    children: Children, seen: Mapping[str, PodStatistics | Unheard]
) -> tuple[ServingPod, ...]:
    pods = sorted(children.pods, key=lambda pod: (pod.created_at, pod.name))
    return tuple(
        ServingPod(
            name=pod.name,
            ready=pod.ready,
            restarts=pod.restarts,
            seen=seen.get(pod.name, Unheard(pod=pod.name, message="not asked"))
            if pod.ready
            else None,
        )
        for pod in pods
        if not pod.deleting
    )


def placing_after(step: ApplyingStep, plan: Plan, wanted: Placing, children: Children) -> Placing:
    """What ConfigMap and Deployment say from now on."""
    deployment = children.deployment
    if deployment is None:
        return wanted
    if isinstance(step, RollOut):
        return Placing(
            serving=wanted.serving,
            rollout=_next_rollout(wanted.serving.config_key, deployment.rollout),
            sized=wanted.serving,
        )
    arrived = isinstance(step, Promote) or _truth(children, deployment) == wanted.serving.config_key
    serving = wanted.serving if arrived or plan.deployed is None else plan.deployed
    return Placing(serving=serving, rollout=deployment.rollout, sized=wanted.sized)


def _next_rollout(config_key: str, last: str) -> str:
    """Another name than the last one's: pods of both are there for a while."""
    return config_key if config_key != last else digest_of((config_key, last))[: len(config_key)]
