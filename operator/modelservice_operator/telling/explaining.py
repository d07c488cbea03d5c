"""One service in words: what it is to have, why, what it had before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice_operator.api.pausing import pause_of
from modelservice_operator.api.service import ServiceKey

from .figures import Known
from .objects import condition, part, parts

#: Conditions worth a line, whatever they say.
_TOLD = ("Ready", "Tuned", "MetricsAvailable", "WithinBudget", "Stalled")


def explain(service: Mapping[str, Any], known: Known) -> str:
    """Several lines."""
    return "\n".join(_lines(service, known))


def _lines(service: Mapping[str, Any], known: Known) -> Iterator[str]:
    status = part(service, "status")
    key = ServiceKey(service["metadata"]["namespace"], service["metadata"]["name"])
    yield f"{key}: {status.get('goal', 'no goal yet')}"
    yield _replicas(part(status, "replicas"), service)
    yield from _load(known, key)
    for type_ in _TOLD:
        if found := condition(status, type_):
            words = f"{found.get('reason', '')}: {found.get('message', '')}"
            yield f"  {type_}={found.get('status', 'Unknown')}  {words}"
    decisions = parts(status, "decisions")
    yield "  decisions, the newest first" if decisions else "  no decision yet"
    for item in reversed(decisions):
        time, before, after, reason = (item.get(n, "?") for n in ("time", "from", "to", "reason"))
        yield f"    {time}  {before} → {after}: {reason}"


def _replicas(replicas: Mapping[str, Any], service: Mapping[str, Any]) -> str:
    ready, desired = replicas.get("ready", 0), replicas.get("desired", 0)
    words = f"  replicas  {ready} ready of {desired} wanted"
    if part(service, "spec").get("suspend"):
        return f"{words}; suspended"
    pause = pause_of(part(service, "metadata", "annotations"))
    words += _bounds(part(service, "spec", "scaling"))
    return f"{words}; paused ({pause.words})" if pause else words


def _bounds(scaling: Mapping[str, Any]) -> str:
    words = (
        f", between {scaling.get('minReplicas', '?')} and {scaling.get('maxReplicas', '?')},"
        f" priority {scaling.get('priority', 0)}"
    )
    if scaling.get("replicas") is not None:
        return f"{words}; {scaling['replicas']} set by hand"
    advises = scaling.get("mode") == "Recommend"
    return f"{words}; mode Recommend: nothing is done" if advises else words


def _load(known: Known, key: ServiceKey) -> Iterator[str]:
    figures = known.services.get(key, {})
    offered = figures.get("offered_rows_per_second")
    if offered is None:
        yield "  load      not known"
    else:
        words = f"  load      {offered:.1f} rows/s"
        if "expected_rows_per_second" in figures and "planned_rows_per_second" in figures:
            words += (
                f", {figures['expected_rows_per_second']:.1f} expected,"
                f" {figures['planned_rows_per_second']:.1f} planned for"
            )
        if "capacity_rows_per_second" in figures:
            words += f"; each replica carries {figures['capacity_rows_per_second']:.1f}"
        yield words
    requests = figures.get("requests_last_minute")
    rejected = figures.get("rejected_requests_last_minute")
    if requests is not None and rejected is not None:
        yield f"  refused   {rejected:.0f} of {requests:.0f} requests of the last minute"
    if "gpus_held" in figures:
        yield f"  GPUs      {figures['gpus_held']:.0f} held"
