"""What became of pods, from a watch of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

_NAME = "modelservice.dev/name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A pod. Seconds since 1970; None for what has not come.

    ``placed``: it has a node, and its GPU; ``ready``: it answers, first; ``leaving``: it is to go;
    ``gone``: so is its GPU.
    """

    namespace: str
    service: str
    pod: str
    created: float
    placed: float | None = None
    ready: float | None = None
    leaving: float | None = None
    gone: float | None = None

    def held(self, begin: float, end: float) -> float:
        """GPU-seconds between two times."""
        if self.placed is None:
            return 0.0
        until = end if self.gone is None else min(end, self.gone)
        return max(0.0, until - max(begin, self.placed))

    def holds(self, at: float) -> bool:
        """Whether it has its GPU then."""
        return self.placed is not None and self.placed <= at and (self.gone or at + 1) > at


def followed(lives: dict[str, Life], line: str, at: float) -> None:
    """One line of the API server's watch, which came at ``at``, put into ``lives`` (by uid)."""
    event = json.loads(line)
    item = event["object"]
    if item.get("kind") != "Pod":
        return  # a bookmark, or the end of the watch
    metadata = item["metadata"]
    known = lives.get(metadata["uid"]) or Life(
        namespace=metadata["namespace"],
        service=metadata["labels"].get(_NAME, ""),
        pod=metadata["name"],
        created=at,
    )
    if known.placed is None and item["spec"].get("nodeName"):
        known = replace(known, placed=at)
    if known.ready is None and _is_ready(item):
        known = replace(known, ready=at)
    if known.leaving is None and "deletionTimestamp" in metadata:
        known = replace(known, leaving=at)
    if known.gone is None and (event["type"] == "DELETED" or _has_ended(item)):
        known = replace(known, gone=at)
    lives[metadata["uid"]] = known


def _is_ready(item: Any) -> bool:  # noqa: ANN401 - JSON
    conditions = item.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _has_ended(item: Any) -> bool:  # noqa: ANN401 - JSON
    return item.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def held(lives: Iterable[Life], begin: float, end: float) -> float:
    """GPU-seconds of all of them between two times."""
    return sum(life.held(begin, end) for life in lives)


def starts(lives: Iterable[Life]) -> list[float]:
    """Seconds from a place to the first answer, of those seen to start so far; shortest first."""
    return sorted(
        life.ready - life.placed
        for life in lives
        if life.ready is not None and life.placed is not None and life.ready > life.placed
    )


def drains(lives: Iterable[Life]) -> list[float]:
    """Seconds from being told to go to being gone, shortest first."""
    return sorted(
        life.gone - life.leaving
        for life in lives
        if life.gone is not None and life.leaving is not None
    )


def counts(lives: Sequence[Life], times: Iterable[float]) -> list[int]:
    """GPUs that are held at each time."""
    return [sum(life.holds(at) for life in lives) for at in times]


def encoded(lives: Iterable[Life]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(life) for life in lives]


def decoded(items: Iterable[dict[str, Any]]) -> tuple[Life, ...]:
    """From JSON."""
    return tuple(Life(**item) for item in items)
