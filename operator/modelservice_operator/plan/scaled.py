"""What the balancer needs to know of a service, from what was seen of it. Pure."""

from __future__ import annotations

from modelservice_operator.api.capacity import capacity_of
from modelservice_operator.api.pausing import Pause
from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec
from modelservice_operator.fleet import Pool, ReplicaSeen, ServiceView
from modelservice_operator.settings import Runtime

from .observed import Children, PodSeen
from .rivals import conflict
from .service_plan import Plan


def scaled_view(
    ref: ServiceRef,
    spec: ModelServiceSpec,
    runtime: Runtime | None,
    plan: Plan | None,
    children: Children,
    *,
    speed: float,
    pause: Pause | None = None,
) -> ServiceView:
    """``speed``: measured ÷ profiled, of the pods that run."""
    profile = plan.serving.version.profile if plan and plan.serving else None
    deployment = children.deployment
    objective = spec.serving.objective
    resource, many = accelerator(spec)
    selector = tuple(sorted(runtime.node_selector.items())) if runtime else ()
    return ServiceView(
        key=ref.key,
        scaling=spec.scaling,
        suspend=spec.suspend,
        capacity=capacity_of(profile) if profile else None,
        replicas=deployment.replicas if deployment else None,
        pods=tuple(_replica(pod) for pod in children.pods),
        speed=speed,
        batch=profile.max_batch_size if profile else 1,
        allowed=1 - objective.percentile / 100,
        goal=f"p{objective.percentile:g} ≤ {objective.milliseconds:g} ms",
        pool=Pool(resource, selector) if many else None,
        gpus=many,
        uid=ref.uid,
        remembered=children.balancer_state,
        pause=pause,
        rival=conflict(spec, children, ref.name),
        rolling=deployment is not None and deployment.rolling,
    )


def accelerator(spec: ModelServiceSpec) -> tuple[str, int]:
    """(resource, how many of it a replica gets): of an extended resource, the first by name."""
    limits = spec.serving.resources.limits
    for name in sorted(limits):
        many = int(parse_quantity(limits[name], f"spec.serving.resources.limits.{name}"))
        if "/" in name and many > 0:
            return name, many
    return "", 0


def _replica(pod: PodSeen) -> ReplicaSeen:
    return ReplicaSeen(
        pod=pod.name,
        created_at=pod.created_at.timestamp(),
        address=pod.address,
        ready_at=pod.ready_at.timestamp() if pod.ready_at else None,
        leaving=pod.deleting,
        homeless_since=pod.homeless_since.timestamp() if pod.homeless_since else None,
        marked=pod.marked,
    )
