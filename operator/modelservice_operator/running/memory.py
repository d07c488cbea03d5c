"""What one process knows of a running service between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelservice_operator.drift.statistics import (
    Figures,
    PodStatistics,
    Unheard,
    figures,
    since,
    together,
)
from modelservice_operator.drift.window import Window
from modelservice_operator.plan.applying import TRIAL_REQUESTS
from modelservice_operator.plan.remembered import Remembered

Answer = PodStatistics | Unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a pod has counted of late, in one configuration."""

    enough: PodStatistics | None = None
    growing: PodStatistics | None = None

    def with_more(self, counted: PodStatistics) -> Past:
        """``counted``: since the last time."""
        growing = together(self.growing, counted)
        if growing.successes + growing.failures >= TRIAL_REQUESTS:
            return Past(enough=growing)
        return Past(enough=self.enough, growing=growing)


@dataclass(slots=True)
class Memory:
    """``written``: what the ConfigMap holds.

    ``seen``: the newest answers; ``counted``: what each pod has counted since its answer before,
    while it served one configuration. ``past``: the same over more looks, until it is enough to
    compare with: the one that is enough, and the one that grows. ``window_of``: tuning that the
    window is about.
    """

    remembered: Remembered
    written: Remembered
    written_at: float
    seen: Mapping[str, Answer] = field(default_factory=dict)
    looked_at: float | None = None
    counted: Mapping[str, PodStatistics] = field(default_factory=dict)
    past: Mapping[str, Past] = field(default_factory=dict)
    window: Window = field(default_factory=lambda: Window(began_at=0.0))
    window_of: str = ""
    blocked_since: float | None = None
    settled: bool = False

    def is_due(self, pods: Iterable[str], *, now: float, seconds: float) -> bool:
        """Whether pods are to be asked: at every look while something is to be done."""
        if not self.settled or self.looked_at is None or not set(pods) <= set(self.seen):
            return True
        return not 0 <= now - self.looked_at < seconds

    def take(self, answers: Iterable[Answer], now: float) -> None:
        """New answers."""
        seen = {answer.pod: answer for answer in answers}
        self.counted = {
            name: since(old, new)
            for name, new in seen.items()
            if isinstance(new, PodStatistics)
            and isinstance(old := self.seen.get(name), PodStatistics)
            and old.config_key == new.config_key
        }
        self.past = {
            name: self.past.get(name, Past()).with_more(item) for name, item in self.counted.items()
        }
        self.seen, self.looked_at = seen, now

    def before(self, pod: str) -> Figures | None:
        """How a pod has answered of late."""
        past = self.past.get(pod, Past())
        counted = past.enough or past.growing
        return figures(counted) if counted is not None else None

    def heard(self) -> dict[str, PodStatistics]:
        """The pods that have answered."""
        return {name: item for name, item in self.seen.items() if isinstance(item, PodStatistics)}
