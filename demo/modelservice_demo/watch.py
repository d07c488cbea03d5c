"""What changed about a ModelService between two looks at it, in lines for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: In the order in which a service goes through them.
CONDITIONS = (
    "ArtifactReady",
    "AccuracyGoalMet",
    "Tuned",
    "Available",
    "MetricsAvailable",
    "Ready",
    "Stalled",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of the balancer as the status tells it."""

    time: datetime
    before: int
    after: int
    reason: str

    def line(self) -> str:
        """In words."""
        return f"{self.before} → {self.after} replicas: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look: the parts of a ModelService and its pods that the demo tells about.

    ``capacity``: rows per second that one replica serves within the goal, None before tuning.
    ``pods``: name → phase in words.
    """

    conditions: Mapping[str, tuple[str, str, str]]
    progress: str
    desired: int
    ready: int
    capacity: float | None
    decisions: tuple[Decision, ...]
    pods: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether the condition Ready is True."""
        return self.conditions.get("Ready", ("", "", ""))[0] == "True"

    @property
    def serves_tuned(self) -> bool:
        """Whether there is a measured capacity, and every replica runs the setting it is of."""
        return self.is_ready and self.capacity is not None and "Reconciling" not in self.conditions

    @property
    def stalled(self) -> str:
        """What the condition Stalled says while it is True, else empty."""
        status, _, message = self.conditions.get("Stalled", ("", "", ""))
        return message if status == "True" else ""


EMPTY = View(conditions={}, progress="", desired=0, ready=0, capacity=None, decisions=(), pods={})


def view_of(service: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]) -> View:
    """Read a ModelService (None: not there yet) and its pods."""
    status = (service or {}).get("status", {})
    replicas = status.get("replicas", {})
    capacity = status.get("tuning", {}).get("capacityRowsPerSecond")
    job = status.get("job") or {}
    return View(
        conditions={
            item["type"]: (item["status"], item.get("reason", ""), item.get("message", ""))
            for item in status.get("conditions", [])
        },
        progress=f"{job.get('kind', '')}: {job['progress']}" if job.get("progress") else "",
        desired=int(replicas.get("desired", 0)),
        ready=int(replicas.get("ready", 0)),
        capacity=float(capacity) if capacity is not None else None,
        decisions=tuple(_decision(item) for item in status.get("decisions", [])),
        pods={pod["metadata"]["name"]: pod_state(pod) for pod in pods},
    )


def _decision(item: Mapping[str, Any]) -> Decision:
    return Decision(
        time=datetime.fromisoformat(item["time"]),
        before=int(item["from"]),
        after=int(item["to"]),
        reason=item["reason"],
    )


def pod_state(pod: Mapping[str, Any]) -> str:
    """``Running, ready``, ``Init:…``, ``Terminating`` or the reason why it waits."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    status = pod.get("status", {})
    phase = str(status.get("phase", "Pending"))
    waiting = [
        reason
        for group in ("initContainerStatuses", "containerStatuses")
        for item in status.get(group, [])
        if (reason := item.get("state", {}).get("waiting", {}).get("reason"))
    ]
    if phase == "Pending" and waiting:
        return str(waiting[0])
    containers = status.get("containerStatuses", [])
    if phase == "Running":
        ready = bool(containers) and all(item.get("ready") for item in containers)
        return "Running, ready" if ready else "Running, not ready yet"
    return phase


def changes(before: View, after: View) -> Iterator[str]:
    """A line for each difference worth telling, in the order of the path."""
    for kind in CONDITIONS:
        now = after.conditions.get(kind)
        # While a Job runs the message repeats its progress, which has a line of its own.
        if now is not None and now[:2] != before.conditions.get(kind, ("", "", ""))[:2]:
            status, reason, message = now
            yield f"{kind}={status} ({reason}) {message}".rstrip()
    if after.progress and after.progress != before.progress:
        yield after.progress
    for name, state in sorted(after.pods.items()):
        if before.pods.get(name) != state:
            yield f"pod {name}: {state}"
    for name in sorted(set(before.pods) - set(after.pods)):
        yield f"pod {name}: gone"


def new_decisions(before: View, after: View) -> list[Decision]:
    """Decisions that were not there at the last look, oldest first."""
    known = set(before.decisions)
    return sorted((item for item in after.decisions if item not in known), key=lambda d: d.time)
