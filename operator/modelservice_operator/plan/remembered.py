"""What is remembered of a running service's tuning, beyond a restart of the operator.

Everything else follows from the cluster at each look. Times are POSIX seconds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from modelservice_operator.drift.statistics import Figures, PodStatistics
from modelservice_operator.drift.watching import DriftState
from modelservice_runtime.contract.codec import ContractError, dumps, loads
from modelservice_runtime.contract.profile import ServedSetting
from modelservice_runtime.contract.traffic import Traffic

#: More rejected settings than a service will ever have in a row.
MAX_REJECTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Retune:
    """A tuning that is under way because the running service differs from its profile.

    ``key``: its tuning key; ``cause``: of ``drift.watching``; ``current``: the setting served.
    """

    epoch: int
    key: str
    cause: str
    words: str
    traffic: Traffic
    current: ServedSetting
    asked_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One pod serves a setting that is not proven yet.

    ``attempt``: how often a pod was given it. ``before``: how that pod answered before;
    ``started``: counters of all pods when it began, that pod's own first. ``restarts``: of it.
    """

    config_key: str
    pod: str
    since: float
    attempt: int
    restarts: int
    before: Figures | None = None
    started: tuple[PodStatistics, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of the last decision: reason and words of the condition."""

    reason: str
    message: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """All of it.

    ``base``: tuning key of the spec that it is about. ``chosen``: key of the retuning whose
    setting serves instead, empty for none. ``quiet_until``: no retuning before.
    ``rejected``: keys of configurations that did worse on a replica. ``forced``: key of the
    configuration that pods could not load, so that they are replaced. ``speed``: time that the
    profile gives to what was executed ÷ time that it took, smoothed.
    """

    base: str = ""
    chosen: str = ""
    epoch: int = 0
    retune: Retune | None = None
    told: Told | None = None
    quiet_until: float = 0.0
    trial: Trial | None = None
    rejected: tuple[str, ...] = ()
    forced: str = ""
    drift: DriftState = field(default_factory=DriftState)
    speed: float = 1.0

    def about(self, base: str) -> Remembered:
        """The same if it is about that tuning, else nothing but the count of retunings."""
        return self if base == self.base else Remembered(base=base, epoch=self.epoch)

    def rejecting(self, config_key: str) -> Remembered:
        """With one more rejected configuration; the newest are kept."""
        others = [key for key in self.rejected if key != config_key]
        return dataclasses.replace(self, rejected=(*others, config_key)[-MAX_REJECTED:])

    def outdates(self, written: Remembered) -> bool:
        """Whether ``written`` would mislead whoever reads it after a crash.

        Since when something is off may be lost, and costs minutes; that it still is may not be
        read where it no longer is.
        """
        known, now = written.drift, self.drift
        if known.speed_since not in {None, now.speed_since}:
            return True
        if known.rows_since not in {None, now.rows_since}:
            return True
        return dataclasses.replace(self, drift=known, speed=written.speed) != written


def parse_remembered(text: str) -> Remembered:
    """What the ConfigMap holds; nothing where it holds nothing that can be read."""
    try:
        return loads(Remembered, text) if text else Remembered()
    except ContractError:
        return Remembered()  # someone edited it, or another version wrote it: begin anew


def remembered_text(remembered: Remembered) -> str:
    """What to keep."""
    return dumps(remembered)
