"""Knative's pod autoscaler (knative/serving pkg/autoscaler/scaling/autoscaler.go)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscaling_figures.simulator.world import Seen

STABLE, PANIC = 60.0, 6.0
PANIC_AT = 2.0
MOST_UP, MOST_DOWN = 1000.0, 2.0


@dataclass(slots=True)
class _State:
    samples: list[tuple[float, float]] = field(default_factory=list)
    panic_since: float | None = None
    panic_most: int = 0
    delayed: list[tuple[float, int]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Kpa:
    """Concurrency, scraped from the pods themselves every other second; ``target`` of each."""

    target: float
    delay: float = 0.0
    interval: float = 2.0
    states: dict[str, _State] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del gpus
        return {name: self._one(name, item, now) for name, item in seen.items()}

    def restart(self) -> None:
        """It begins in panic mode, so as not to scale down (knative/serving#4795)."""
        for state in self.states.values():
            state.samples.clear()
            state.panic_since = None

    def _one(self, name: str, seen: Seen, now: float) -> int:
        state = self.states.setdefault(name, _State())
        service = seen.service
        # It asks the pods itself: what waits, and what executes.
        concurrency = sum(service.pending(pod) + service.executing(pod) for pod in service.ready())
        if seen.ready:
            state.samples.append((now, float(concurrency)))
        state.samples = [item for item in state.samples if item[0] > now - STABLE]
        if not state.samples or not seen.ready:
            return seen.replicas
        stable = _mean(state.samples)
        panic = _mean([item for item in state.samples if item[0] > now - PANIC])
        low, high = seen.ready // MOST_DOWN, math.ceil(MOST_UP * seen.ready)
        by_stable, by_panic = (
            int(min(max(math.ceil(value / self.target), low), high)) for value in (stable, panic)
        )
        if by_panic / seen.ready >= PANIC_AT:
            if state.panic_since is None:
                state.panic_most = 0
            state.panic_since = now
        elif state.panic_since is not None and now - state.panic_since > STABLE:
            state.panic_since = None
        wanted = by_stable
        if state.panic_since is not None:
            state.panic_most = max(state.panic_most, by_panic, by_stable)
            wanted = state.panic_most
        return self._delayed(state, now, wanted)

    def _delayed(self, state: _State, now: float, wanted: int) -> int:
        state.delayed = [item for item in state.delayed if item[0] > now - self.delay]
        state.delayed.append((now, wanted))
        return max(count for _, count in state.delayed)


def _mean(samples: list[tuple[float, float]]) -> float:
    return math.fsum(value for _, value in samples) / len(samples)
