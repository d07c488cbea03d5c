"""Ray Serve's rule (autoscaling_policy.py): ongoing requests, and a wish that has to persist."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscaling_figures.simulator.world import Seen

LOOK_BACK = 30.0


@dataclass(slots=True)
class _State:
    samples: list[tuple[float, float]] = field(default_factory=list)
    ups: int = 0
    downs: int = 0


@dataclass(slots=True, kw_only=True)
class RayServe:
    """``target``: ongoing requests of a replica. Delays in seconds."""

    target: float
    up_delay: float = 30.0
    down_delay: float = 600.0
    interval: float = 10.0
    states: dict[str, _State] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del gpus
        return {name: self._one(name, item, now) for name, item in seen.items()}

    def restart(self) -> None:
        """History is lost (ray#61551)."""
        self.states.clear()

    def _one(self, name: str, seen: Seen, now: float) -> int:
        state, service = self.states.setdefault(name, _State()), seen.service
        ongoing = sum(service.pending(pod) + service.executing(pod) for pod in service.ready())
        state.samples = [item for item in state.samples if item[0] > now - LOOK_BACK]
        state.samples.append((now, float(ongoing)))
        if not seen.ready:
            return seen.replicas
        mean = math.fsum(value for _, value in state.samples) / len(state.samples)
        wanted = math.ceil(seen.ready * mean / (self.target * seen.ready))
        if wanted > seen.replicas:
            state.ups, state.downs = state.ups + 1, 0
            return wanted if state.ups * self.interval > self.up_delay else seen.replicas
        if wanted < seen.replicas:
            state.ups, state.downs = 0, state.downs + 1
            return wanted if state.downs * self.interval > self.down_delay else seen.replicas
        state.ups = state.downs = 0
        return seen.replicas
