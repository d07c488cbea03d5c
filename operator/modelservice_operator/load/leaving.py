"""Which replicas go first when there are to be fewer: those with least to finish. Pure.

Kubernetes takes pods without a node before others, then those that do not answer; among those that
answer it obeys a mark. For one step down, and just before it, the ones with the fewest waiting
requests are marked, of equals the newest. A mark that was not obeyed, as the step was not made or
the count went up again, is taken away: the next step has another choice. In a rollout nobody is
marked: which template loses a pod is the Deployment's choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelservice_operator.fleet import ServiceView


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Names of pods. ``add``: to be marked; ``clear``: whose mark means nothing any more."""

    add: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()


def marks(view: ServiceView, replicas: int | None, queues: Mapping[str, float]) -> Marks:
    """``replicas``: the count about to be set, None for none; ``queues``: requests by pod."""
    if view.replicas is None:
        return Marks()
    marked = [pod.pod for pod in view.pods if pod.marked and not pod.leaving]
    steps_down = replicas is not None and replicas < view.replicas
    if not steps_down and _are_going(view, replicas):
        return Marks()
    first = _first(view, replicas, queues) if steps_down and replicas is not None else ()
    return Marks(
        add=tuple(name for name in first if name not in marked),
        clear=tuple(name for name in marked if name not in first),
    )


def _are_going(view: ServiceView, replicas: int | None) -> bool:
    """Whether an earlier step down is not over."""
    count = max(view.replicas or 0, replicas or 0)
    staying = sum(not pod.leaving for pod in view.pods)
    return staying - view.surge > count


def _first(view: ServiceView, replicas: int, queues: Mapping[str, float]) -> tuple[str, ...]:
    """Of the pods that answer those that are to go; empty where there is no choice."""
    ready = view.ready
    go = len(ready) - replicas  # the others go before any of these
    if view.rolling or not 0 < go < len(ready):
        return ()
    ordered = sorted(
        ready, key=lambda pod: (queues.get(pod.pod, math.inf), -pod.created_at, pod.pod)
    )
    return tuple(pod.pod for pod in ordered[:go])
