"""When a service serves, and what of the waiting was not its Jobs' own time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

Interval = tuple[datetime, datetime]

#: Names of the Jobs' containers.
JOB_CONTAINERS = ("build", "tune")
_FIRST_ANSWER = re.compile(r"First answer: (\d+):(\d\d) after the start")


def condition(service: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """One condition of a ModelService, empty while it is not there."""
    found = service.get("status", {}).get("conditions", [])
    return next((item for item in found if item["type"] == kind), {})


def serves(service: Mapping[str, Any]) -> bool:
    """Whether it is Ready with the tuned setting, and nothing is under way any more."""
    ready = condition(service, "Ready")
    return (
        ready.get("status") == "True"
        and ready.get("reason") == "Serving"
        and condition(service, "Reconciling").get("status") != "True"
        and "tuning" in service["status"]
    )


def stalled(service: Mapping[str, Any]) -> str:
    """Why it will never be Ready by itself, else empty."""
    found = condition(service, "Stalled")
    return str(found.get("message", "")) if found.get("status") == "True" else ""


def job_intervals(pods: Iterable[Mapping[str, Any]], container: str) -> list[Interval]:
    """From start to end, of every finished container of that name."""
    return [
        (datetime.fromisoformat(ended["startedAt"]), datetime.fromisoformat(ended["finishedAt"]))
        for pod in pods
        for status in pod.get("status", {}).get("containerStatuses", [])
        if status["name"] == container and (ended := status["state"].get("terminated"))
    ]


def covered_seconds(intervals: Sequence[Interval], began: datetime, ended: datetime) -> float:
    """Seconds between ``began`` and ``ended`` in which at least one of ``intervals`` ran."""
    total, reached = 0.0, began
    for start, end in sorted(intervals):
        start, end = max(start, reached), min(end, ended)  # noqa: PLW2901 - what is left of it
        if end > start:
            total, reached = total + (end - start).total_seconds(), end
    return total


def beyond_seconds(intervals: Sequence[Interval], began: datetime, ended: datetime) -> float:
    """The rest of the time between ``began`` and ``ended``."""
    return (ended - began).total_seconds() - covered_seconds(intervals, began, ended)


def first_answer_seconds(output: str) -> float | None:
    """When the demo had its first answer, from what it printed; None if it had none."""
    found = _FIRST_ANSWER.search(output)
    return 60.0 * int(found[1]) + int(found[2]) if found else None
