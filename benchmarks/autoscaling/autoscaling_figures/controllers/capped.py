"""What users put around a peer where GPUs are short: a cap, or priorities of the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autoscaling_figures.simulator.world import Controller, Seen


@dataclass(slots=True, kw_only=True)
class FairShare:
    """As many GPUs for each, whatever the load."""

    interval: float = 60.0

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del now
        if not gpus:
            return {}
        each, more = divmod(gpus, len(seen))
        return {name: each + (1 if place < more else 0) for place, name in enumerate(sorted(seen))}

    def restart(self) -> None:
        """It remembers nothing."""


@dataclass(slots=True, kw_only=True)
class Evicting:
    """A peer, and a scheduler that ends pods of lower priority for those of higher ones.

    Only the wishes are changed: who is evicted wants its replica back at once and finds no place.
    """

    peer: Controller
    priorities: Mapping[str, int]

    @property
    def interval(self) -> float:
        """Of the peer."""
        return self.peer.interval

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        wanted = dict(self.peer.decide(now, seen, gpus))
        if gpus is None:
            return wanted
        left, given = gpus, {}
        for name in sorted(seen, key=lambda name: (-self.priorities.get(name, 0), name)):
            asked = wanted.get(name, seen[name].replicas)
            given[name] = max(1, min(asked, left))
            left -= given[name]
        return given

    def restart(self) -> None:
        """As the peer."""
        self.peer.restart()
