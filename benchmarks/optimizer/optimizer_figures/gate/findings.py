"""What was found of one fault in one strength: counts, as they travel between processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How often each check refused a candidate, in trials on as many samples as ``sizes`` say.

    The gate refuses whatever it does not prove; ``failed``: how often it said that the candidate
    fails, and not that these samples cannot tell.
    """

    sizes: tuple[int, ...]
    gate: int
    failed: int
    estimate: int
    tolerance: int
    aitune: int

    @property
    def trials(self) -> int:
        """One for each seed."""
        return len(self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``drop``: what is really lost, in the metric's unit, over ``rows``.

    ``judged``: on the samples that the goal takes, or, in the mild strength, on those that the
    gate then asked for. In the severe strength alone: ``few``, on few samples; ``limit``, against
    a goal of exactly what is lost.
    """

    kind: str
    strength: str
    example: str
    metric: str
    goal: float
    drop: float
    rows: int
    judged: Refusals
    few: Refusals | None = None
    limit: Refusals | None = None

    @property
    def share(self) -> float:
        """What is really lost ÷ what the goal allows."""
        return self.drop / self.goal

    def encode(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def decode(cls, found: Mapping[str, Any]) -> Finding:
        """From JSON."""
        refusals = {name: _refusals(found[name]) for name in ("judged", "few", "limit")}
        return cls(**{**found, **refusals})


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """``ways``: each way to silent bf16, and why it was refused, empty where it was not.

    ``asserted_difference``, ``silent_difference``: the largest from the source model's numbers, in
    the precision that was declared and in the one that OpenVINO takes if it is left alone; what
    the latter really loses, and what the gate would say of it, over ``rows``.
    """

    ways: Mapping[str, str]
    rows: int
    goal: float
    asserted_difference: float
    silent_difference: float
    silent_drop: float
    silent_outcome: str

    def encode(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def decode(cls, found: Mapping[str, Any]) -> Precision:
        """From JSON."""
        return cls(**found)


def _refusals(found: Mapping[str, Any] | None) -> Refusals | None:
    return Refusals(**{**found, "sizes": tuple(found["sizes"])}) if found else None
