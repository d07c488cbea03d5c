"""The conditions of one service. One function per condition, its truth table in the docstring."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from modelservice_operator.api import conditions as c
from modelservice_operator.api.conditions import Condition
from modelservice_operator.fleet import ROLLOUT_WAITS, Verdict
from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.requests import RECIPE_VERSION
from modelservice_runtime.contract.results import (
    REJECTED,
    SUCCEEDED,
    ArtifactSummary,
    BuildResult,
    TuneResult,
)

from .figures import decimal
from .jobs import Paused, Running, Start
from .memory import kill_words, misfit_words, reload_words
from .observed import Children, DeploymentSeen
from .retuning import ROLLED_BACK, told
from .service_plan import Plan, Stage

OBJECTIVE_NOT_MET = "ObjectiveNotMet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the conditions are made of. ``plan`` is None where the spec cannot be used.

    ``progress``: the running Job's own words; ``pending``: what pods do not serve yet, in words;
    ``rival``: who sets the replicas too, in words.
    """

    plan: Plan | None
    spec_error: SpecError | None
    children: Children
    verdict: Verdict | None
    progress: str
    suspend: bool
    pending: str = ""
    rival: str = ""


def all_conditions(facts: Facts) -> list[Condition]:
    """Every known condition, and Reconciling and Stalled while they are true."""
    parts = [
        artifact_ready(facts),
        accuracy_goal_met(facts),
        tuned(facts),
        available(facts),
        metrics_available(facts),
        within_budget(facts),
    ]
    by_type = {part.type: part for part in parts}
    extra = [item for item in (reconciling(facts), stalled(facts)) if item is not None]
    return [ready(facts, by_type), *parts, *extra]


def ready(facts: Facts, parts: dict[str, Condition]) -> Condition:
    """Whether requests are answered, and the one reason to look at.

    =========  ===============================  ======================================
    Available  besides                          Ready
    =========  ===============================  ======================================
    True       spec cannot be used              True, its reason: the old one serves
    True       newest build failed              True, ServingLastGoodArtifact
    True       tuned, the goal cannot be kept   True, ServingOffGoal
    True       not tuned                        True, ServingUntuned
    True       -                                True, Serving
    other      suspended                        False, Suspended
    other      spec / build failed              False, their reason and words
    other      -                                False, the first stage that is not done
    =========  ===============================  ======================================
    """
    if facts.suspend:
        return Condition(
            type=c.READY, status=False, reason="Suspended", message="spec.suspend is true: no pods"
        )
    up = parts[c.AVAILABLE].status is True
    blocking = _blocking(facts, parts)
    if up:
        return _ready_while_up(facts, parts, blocking)
    first = blocking or next(
        (parts[t] for t in (c.ARTIFACT_READY, c.AVAILABLE) if parts[t].status is not True),
        parts[c.AVAILABLE],
    )
    return Condition(type=c.READY, status=False, reason=first.reason, message=first.message)


def _blocking(facts: Facts, parts: dict[str, Condition]) -> Condition | None:
    if facts.spec_error is not None:
        return stalled(facts)
    artifact = parts[c.ARTIFACT_READY]
    return artifact if artifact.status is False else None


def _ready_while_up(
    facts: Facts, parts: dict[str, Condition], blocking: Condition | None
) -> Condition:
    words = parts[c.AVAILABLE].message
    if facts.spec_error is not None and blocking is not None:
        reason, message = blocking.reason, f"{words}; unchanged, because {blocking.message}"
    elif blocking is not None:
        reason = "ServingLastGoodArtifact"
        message = f"{words}; the newest build failed: {blocking.message}"
    elif parts[c.TUNED].status is not True:
        off = parts[c.TUNED].reason == OBJECTIVE_NOT_MET
        reason = "ServingOffGoal" if off else "ServingUntuned"
        message = f"{words}; {parts[c.TUNED].message}"
    else:
        reason, message = "Serving", words
    return Condition(type=c.READY, status=True, reason=reason, message=message)


def artifact_ready(facts: Facts) -> Condition:
    """Whether the artifact that the spec asks for is in the store.

    True Published (or RebuildAvailable) · False with the build's own reason · Unknown while it
    is built (Building, WaitingToRetry).
    """
    if facts.plan is None:
        return _unknown(c.ARTIFACT_READY, facts)
    result = facts.plan.build.result
    if not isinstance(result, BuildResult):
        return _pending(c.ARTIFACT_READY, "Building", facts.plan.build, facts.progress)
    if result.outcome != SUCCEEDED or result.artifact is None:
        return Condition(
            type=c.ARTIFACT_READY, status=False, reason=result.reason, message=result.message
        )
    if result.artifact.recipe_version < RECIPE_VERSION:
        return Condition(
            type=c.ARTIFACT_READY,
            status=True,
            reason="RebuildAvailable",
            message=f"{result.message}; a newer recipe is there: annotate to rebuild",
        )
    return Condition(
        type=c.ARTIFACT_READY, status=True, reason=result.reason, message=result.message
    )


def accuracy_goal_met(facts: Facts) -> Condition:
    """Whether the newest build's artifact is proven to keep the goals.

    True GoalMet · False GoalNotProven (the source model is served as it is: nothing fails, Ready
    does not ask) or a rejected build's own reason · Unknown NotJudged.
    """
    result = facts.plan.build.result if facts.plan else None
    if not isinstance(result, BuildResult) or (
        result.outcome != REJECTED and result.artifact is None
    ):
        return Condition(
            type=c.ACCURACY_GOAL_MET,
            status=None,
            reason="NotJudged",
            message="No build has got as far as the comparison with the source model",
        )
    artifact = result.artifact
    if artifact is None:
        return Condition(
            type=c.ACCURACY_GOAL_MET, status=False, reason=result.reason, message=result.message
        )
    return Condition(
        type=c.ACCURACY_GOAL_MET,
        status=artifact.goal_met,
        reason="GoalMet" if artifact.goal_met else "GoalNotProven",
        message=artifact.goal or metric_words(artifact),
    )


def metric_words(artifact: ArtifactSummary) -> str:
    """``Accuracy 0.982 on 1000 samples (source model 0.984)``."""
    value, of_source = decimal(artifact.metric_value), decimal(artifact.metric_source_value)
    samples = f" on {artifact.samples} samples" if artifact.samples else ""
    return f"{artifact.metric_name} {value}{samples} (source model {of_source})"


def tuned(facts: Facts) -> Condition:
    """Whether the setting that serves was measured for this goal on this artifact.

    True Tuned, or what becomes of it while it runs (``retuning.told``) · False ObjectiveNotMet
    (measured; even the best misses the goal), MemoryTooSmall (measured; it does not fit the limit),
    RolledBack (it did worse than the one before, which serves), TuneFailed's own reason,
    NotTunedYet · Unknown without an artifact.
    """
    stage = facts.plan.tune if facts.plan else None
    if stage is None:
        return Condition(
            type=c.TUNED, status=None, reason="NoArtifact", message="There is nothing to tune yet"
        )
    result = stage.result
    if not isinstance(result, TuneResult):
        pending = _pending(c.TUNED, "Tuning", stage, facts.progress)
        return Condition(type=c.TUNED, status=False, reason=pending.reason, message=pending.message)
    if result.profile is None:
        return Condition(type=c.TUNED, status=False, reason=result.reason, message=result.message)
    return _measured(result.profile, result.message, facts)


def _measured(profile: Profile, message: str, facts: Facts) -> Condition:
    serving = facts.plan.serving if facts.plan else None
    if serving is not None and serving.unfit is not None:
        return Condition(
            type=c.TUNED,
            status=False,
            reason="MemoryTooSmall",
            message=f"{message}; {misfit_words(serving.unfit)}",
        )
    running = told(facts.plan.remembered) if facts.plan else None
    words = [message, reload_words(serving.memory) if serving else ""]
    words += [running.message] if running else []
    reason, status = running.reason if running else "Tuned", True
    if not profile.objective_met:
        reason, status = OBJECTIVE_NOT_MET, False
    elif reason == ROLLED_BACK:
        status = _serves_what_is_wanted(facts.plan)
    return Condition(
        type=c.TUNED, status=status, reason=reason, message="; ".join(filter(None, words))
    )


def _serves_what_is_wanted(plan: Plan | None) -> bool:
    """Whether what serves is the tuning of the spec, or one that was chosen over it."""
    if plan is None or plan.serving is None:
        return False
    wanted = plan.remembered.chosen or plan.remembered.base
    return plan.serving.version.tuning_key == wanted


def available(facts: Facts) -> Condition:
    """Whether at least one replica answers (it gave the right answer to the sample).

    True ReplicasReady · False PodsStarting, PodsFailing, Suspended, NotDeployed, ScaledToZero, or
    what of the budget keeps it from having any · either way MemoryRaised and OutOfMemory, where
    pods were killed for their memory.
    """
    deployment = facts.children.deployment
    if facts.suspend:
        return Condition(
            type=c.AVAILABLE, status=False, reason="Suspended", message="No pods: suspended"
        )
    if deployment is None:
        return Condition(
            type=c.AVAILABLE,
            status=False,
            reason="NotDeployed",
            message="No pods yet: there is no artifact to serve",
        )
    if deployment.replicas == 0 and deployment.ready == 0:
        return _without_replicas(facts.verdict)
    return _answering(facts, deployment)


def _without_replicas(verdict: Verdict | None) -> Condition:
    reason, words = "ScaledToZero", verdict.reason if verdict else "the Deployment has none"
    if verdict is not None and verdict.within_budget is False:
        reason, words = verdict.budget_reason, verdict.budget_message
    elif verdict is not None and verdict.desired > 0:
        reason, words = "PodsStarting", f"0 of {verdict.desired} replicas answer: {verdict.reason}"
    return Condition(type=c.AVAILABLE, status=False, reason=reason, message=words)


def _answering(facts: Facts, deployment: DeploymentSeen) -> Condition:
    serving = facts.plan.serving if facts.plan else None
    killed, why = kill_words(serving.memory) if serving else ("", "")
    trouble = _other_trouble(facts.children) if killed else pod_trouble(facts.children)
    words = [f"{deployment.ready} of {deployment.replicas} replicas answer"]
    words += [trouble] if trouble and deployment.ready < deployment.replicas else []
    words += [why] if killed else []
    up = deployment.ready > 0
    if up:
        reason = killed or "ReplicasReady"
    else:
        reason = "PodsFailing" if trouble else killed or "PodsStarting"
    return Condition(type=c.AVAILABLE, status=up, reason=reason, message="; ".join(words))


def _other_trouble(children: Children) -> str:
    """What keeps the pods down that were not killed for their memory."""
    others = tuple(pod for pod in children.pods if not pod.out_of_memory)
    return pod_trouble(dataclasses.replace(children, pods=others))


def pod_trouble(children: Children) -> str:
    """Why a serving pod does not come up, in words, or an empty string."""
    for pod in sorted(children.pods, key=lambda seen: seen.created_at, reverse=True):
        if pod.ready:
            continue
        if pod.exit_code not in (None, 0):
            said = pod.exit_message.strip() or pod.exit_reason
            return f"pod {pod.name} failed with exit code {pod.exit_code}: {said}"
        if pod.waiting:
            return f"pod {pod.name} waits: {pod.waiting}"
    return ""


def metrics_available(facts: Facts) -> Condition:
    """Whether the load is known: as the fleet loop found it."""
    verdict = facts.verdict
    if verdict is None or verdict.metrics_available is None:
        return Condition(
            type=c.METRICS_AVAILABLE,
            status=None,
            reason=verdict.metrics_reason if verdict else "NotLookedYet",
            message=verdict.metrics_message if verdict else "The load has not been read yet",
        )
    return Condition(
        type=c.METRICS_AVAILABLE,
        status=verdict.metrics_available,
        reason=verdict.metrics_reason,
        message=verdict.metrics_message,
    )


def within_budget(facts: Facts) -> Condition:
    """Whether the replicas that it is to have have their GPUs: as the fleet loop found it."""
    verdict = facts.verdict
    if verdict is None:
        status, reason, message = None, "NotLookedYet", "The GPUs have not been looked at yet"
    elif not verdict.budget_reason:
        status, reason = True, "NoGpuAsked"
        message = "Its replicas ask for no GPU, and nothing else is shared out"
    else:
        status, reason = verdict.within_budget, verdict.budget_reason
        message = verdict.budget_message
    return Condition(type=c.WITHIN_BUDGET, status=status, reason=reason, message=message)


def reconciling(facts: Facts) -> Condition | None:
    """kstatus: there while a Job runs or a rollout is under way."""
    if facts.plan is None:
        return None
    for stage in (facts.plan.build, facts.plan.tune):
        if stage is not None and stage.result is None:
            pending = _pending(c.RECONCILING, _DOING[stage.kind], stage, facts.progress)
            return Condition(
                type=c.RECONCILING, status=True, reason=pending.reason, message=pending.message
            )
    return _rollout(facts.children.deployment, facts.plan, facts.verdict) or _reload(facts)


def _reload(facts: Facts) -> Condition | None:
    if not facts.pending:
        return None
    return Condition(type=c.RECONCILING, status=True, reason="Reloading", message=facts.pending)


def _rollout(
    deployment: DeploymentSeen | None, plan: Plan, verdict: Verdict | None
) -> Condition | None:
    if plan.serving is None or (deployment is not None and deployment.rolled_out):
        return None
    words = "creating the Deployment"
    if deployment is not None:
        words = f"{deployment.updated} of {deployment.replicas} replicas are on the newest setting"
        if verdict is not None and verdict.budget_reason == ROLLOUT_WAITS:
            words += f"; {verdict.budget_message}"
    return Condition(type=c.RECONCILING, status=True, reason="RollingOut", message=words)


def stalled(facts: Facts) -> Condition | None:
    """kstatus: there while only the user can help."""
    if facts.spec_error is not None:
        return Condition(
            type=c.STALLED, status=True, reason="SpecUnusable", message=str(facts.spec_error)
        )
    if facts.plan is None:
        return None
    if facts.rival:
        return Condition(type=c.STALLED, status=True, reason="SecondOwner", message=facts.rival)
    for stage in (facts.plan.build, facts.plan.tune):
        result = stage.result if stage else None
        if result is not None and result.outcome != SUCCEEDED:
            return Condition(
                type=c.STALLED, status=True, reason=result.reason, message=result.message
            )
    return None


_DOING = {"build": "Building", "tune": "Tuning"}


def _pending(type_: str, doing: str, stage: Stage, progress: str) -> Condition:
    step = stage.step
    if isinstance(step, Paused):
        when = f"{step.until:%H:%M:%S} UTC"
        message = f"{step.message}; attempt {step.job.attempt + 1} starts at {when}"
        return Condition(type=type_, status=None, reason=step.reason, message=message)
    attempt = step.job.attempt if isinstance(step, Running) else getattr(step, "attempt", 1)
    words = f"attempt {attempt}"
    if isinstance(step, Start):
        words = f"starting {words}"
    if isinstance(step, Running) and step.job.pod is not None and step.job.pod.waiting:
        words = f"{words} waits: {step.job.pod.waiting}"
    elif isinstance(step, Running) and progress:
        words = f"{words}: {progress}"
    return Condition(type=type_, status=None, reason=doing, message=words)


def _unknown(type_: str, facts: Facts) -> Condition:
    words = str(facts.spec_error) if facts.spec_error else "not looked at yet"
    return Condition(type=type_, status=None, reason="SpecUnusable", message=words)
