"""What is said of a model that leaks memory. Pure."""

from __future__ import annotations

import math

from modelservice_runtime.contract.profile import MemoryPlan

from .figures import figure
from .memory_growth import seconds_until
from .memory_plan import MIB
from .outcome import Tuned

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
#: From two of a unit on it is told in that unit.
_FROM = 2


def leak_words(tuned: Tuned, limit_bytes: int) -> str:
    """``limit_bytes``: of the replica, 0 where there is none. Empty where nothing leaks."""
    found = tuned.leak
    if found is None:
        return ""
    grown = 1000 * found.bytes_per_request / MIB
    words = (
        f"memory grew by {grown:.2g} MiB for each 1,000 requests at an unchanged setting: the model"
        " seems to leak"
    )
    rows = tuned.capacity.rows_per_second
    used = max((item.total for item in tuned.memory), default=0)
    own = [item.total for item in tuned.memory if item.setting == tuned.chosen.setting]
    requests = rows / tuned.question.traffic.mean_rows
    seconds = seconds_until(found, limit_bytes - max(own, default=used), requests)
    if not limit_bytes or not math.isfinite(seconds):
        return words
    return (
        f"{words}; at the capacity of {figure(rows)} rows/s the limit of"
        f" {limit_bytes / MIB:.0f} MiB is reached in about {time_words(seconds)}"
    )


def limit_of(tuned: Tuned, plan: MemoryPlan | None) -> int:
    """Bytes: what the user allows, else what the pod will get; 0 where neither is known."""
    return tuned.question.memory_bytes or (plan.limit_bytes if plan else 0)


def time_words(seconds: float) -> str:
    """``40 minutes``."""
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= _FROM * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
