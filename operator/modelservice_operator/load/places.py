"""Which pods of a service have a place on a node, and which have waited for one too long. Pure."""

from __future__ import annotations

from modelservice_operator.fleet import ServiceView

#: A replica that the scheduler finds no place for gives its GPUs back after so long.
HOMELESS_SECONDS = 120.0


def homeless(view: ServiceView, now: float) -> int:
    """Replicas for which there has been no place for too long; a rollout's new pod is none."""
    return max(0, _waiting(view, now) - view.surge)


def surge_is_homeless(view: ServiceView, now: float) -> bool:
    """Whether there has been no place for a rollout's new pod for too long."""
    return view.surge > 0 and _waiting(view, now) > 0


def surge_placed(view: ServiceView) -> int:
    """Whether a rollout's new pod has its place, or gets that of a pod which leaves."""
    there = sum(pod.homeless_since is None for pod in view.pods)
    return min(view.surge, max(0, there - (view.replicas or 0)))


def _waiting(view: ServiceView, now: float) -> int:
    return sum(
        pod.homeless_since is not None and now - pod.homeless_since >= HOMELESS_SECONDS
        for pod in view.pods
    )
