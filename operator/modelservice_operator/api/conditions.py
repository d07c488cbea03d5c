"""Conditions as values, and how a new list follows from the old one.

All of ``KNOWN`` are there from the first sight of an object; ``Reconciling`` and ``Stalled``
(kstatus) only while they are true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

READY = "Ready"
ARTIFACT_READY = "ArtifactReady"
ACCURACY_GOAL_MET = "AccuracyGoalMet"
TUNED = "Tuned"
AVAILABLE = "Available"
METRICS_AVAILABLE = "MetricsAvailable"
WITHIN_BUDGET = "WithinBudget"
RECONCILING = "Reconciling"
STALLED = "Stalled"

KNOWN = (
    READY,
    ARTIFACT_READY,
    ACCURACY_GOAL_MET,
    TUNED,
    AVAILABLE,
    METRICS_AVAILABLE,
    WITHIN_BUDGET,
)

#: The API server allows 32768 characters in a condition's message; people read far fewer.
MAX_MESSAGE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition. ``status``: True, False, or None for Unknown."""

    type: str
    status: bool | None
    reason: str
    message: str

    @property
    def status_text(self) -> str:
        """``True``, ``False`` or ``Unknown``, as the API spells it."""
        return "Unknown" if self.status is None else str(self.status)


def to_status(
    conditions: Iterable[Condition],
    previous: Iterable[Mapping[str, Any]],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """The list for ``status.conditions``; a transition time moves only with its status."""
    before = {item.get("type"): item for item in previous}
    return [_entry(item, before.get(item.type), generation, now) for item in conditions]


def _entry(
    condition: Condition, old: Mapping[str, Any] | None, generation: int, now: datetime
) -> dict[str, Any]:
    same = old is not None and old.get("status") == condition.status_text
    return {
        "type": condition.type,
        "status": condition.status_text,
        "reason": condition.reason,
        "message": condition.message[:MAX_MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": old["lastTransitionTime"] if same and old else rfc3339(now),
    }


def rfc3339(moment: datetime) -> str:
    """``2026-01-31T12:00:00Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
