"""Which changes of conditions are worth an event, and of which kind.

Several conditions may change for one cause, in the same words: that is one event, a Warning if
any of them is one. Warnings are for what a person should look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice_operator.api import conditions as c

from . import memory, retuning

NORMAL = "Normal"
WARNING = "Warning"

_WARN_WHEN_FALSE = {c.ARTIFACT_READY, c.ACCURACY_GOAL_MET, c.AVAILABLE, c.METRICS_AVAILABLE}
#: Whatever the status: what was decided did not come to be.
_WARN_REASONS = {retuning.FAILED, retuning.ROLLED_BACK}
#: Worth a look whether or not pods answer: they were killed for their memory.
_ALWAYS_BAD = {memory.RAISED, memory.USED_UP}
#: Reasons that are stages on the way up, or wished for: no trouble.
_QUIET = {"NotDeployed", "PodsStarting", "Suspended", "ScaledToZero"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWords:
    """One event."""

    type: str
    reason: str
    message: str


def events_of(
    changed: Iterable[Mapping[str, Any]], *, tail: str, first: bool
) -> tuple[EventWords, ...]:
    """Events for the conditions whose status or reason is new.

    ``tail``: last lines of the log of a Job that has just failed; they go into its warning.
    ``first``: the object is seen for the first time; what is merely not there yet is no event.
    """
    found: dict[tuple[str, str], EventWords] = {}
    for condition in changed:
        status, reason = condition["status"], condition["reason"]
        if status == "Unknown" or (first and status == "False"):
            continue
        bad = _is_bad(condition)
        key = (reason, condition["message"])
        if key not in found or bad:
            words = _with_tail(condition["message"], tail) if bad else condition["message"]
            type_ = WARNING if bad else NORMAL
            found[key] = EventWords(type=type_, reason=reason, message=words)
    return tuple(found.values())


def _is_bad(condition: Mapping[str, Any]) -> bool:
    if condition["reason"] in _QUIET:
        return False
    if condition["reason"] in _ALWAYS_BAD and condition["type"] == c.AVAILABLE:
        return True
    if condition["reason"] in _WARN_REASONS:
        return True
    false = condition["status"] == "False"
    return condition["type"] == c.STALLED or (false and condition["type"] in _WARN_WHEN_FALSE)


def _with_tail(message: str, tail: str) -> str:
    return f"{message}\nlast lines of its log:\n{tail}" if tail else message
