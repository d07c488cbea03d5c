"""One service in words: what it is to have, why, what it had before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice_operator.api.service import ServiceKey

from .figures import Known
from .table import condition

#: Conditions worth a line, whatever they say.
_TOLD = ("Ready", "Tuned", "MetricsAvailable", "WithinBudget")


def explain(service: Mapping[str, Any], known: Known) -> str:
    """Several lines."""
    return "\n".join(_lines(service, known))


def _lines(service: Mapping[str, Any], known: Known) -> Iterator[str]:
    meta, status = service["metadata"], service.get("status", {})
    key = ServiceKey(meta["namespace"], meta["name"])
    figures = known.services.get(key, {})
    replicas, scaling = status.get("replicas", {}), service.get("spec", {}).get("scaling", {})
    yield f"{key}: {status.get('goal', 'no goal yet')}"
    yield (
        f"  replicas  {replicas.get('ready', 0)} ready of {replicas.get('desired', 0)} wanted,"
        f" between {scaling.get('minReplicas', 1)} and {scaling.get('maxReplicas', 4)},"
        f" priority {scaling.get('priority', 0)}{_mode(scaling)}"
    )
    yield from _load(figures)
    for type_ in _TOLD:
        item = condition(status, type_)
        if item:
            yield f"  {type_}={item['status']}  {item['reason']}: {item['message']}"
    decisions = status.get("decisions", ())
    yield "  decisions, the newest first" if decisions else "  no decision yet"
    for item in reversed(list(decisions)):
        yield f"    {item['time']}  {item['from']} → {item['to']}: {item['reason']}"


def _mode(scaling: Mapping[str, Any]) -> str:
    if scaling.get("replicas") is not None:
        return f"; {scaling['replicas']} set by hand"
    return "; mode Recommend: nothing is done" if scaling.get("mode") == "Recommend" else ""


def _load(figures: Mapping[str, float]) -> Iterator[str]:
    offered = figures.get("offered_rows_per_second")
    if offered is None:
        yield "  load      not known"
        return
    words = f"  load      {offered:.1f} rows/s"
    if "expected_rows_per_second" in figures:
        words += (
            f", {figures['expected_rows_per_second']:.1f} expected,"
            f" {figures.get('planned_rows_per_second', 0.0):.1f} planned for"
        )
    if "capacity_rows_per_second" in figures:
        words += f"; each replica carries {figures['capacity_rows_per_second']:.1f}"
    yield words
