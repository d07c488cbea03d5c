"""All services in one table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelservice_operator.api.service import ServiceKey

from .figures import Known

HEAD = ("NAMESPACE", "NAME", "READY", "REPLICAS", "LOAD", "EXPECTED", "CAPACITY", "GPUS", "REASON")
_UNKNOWN = "-"


def top(services: Iterable[Mapping[str, Any]], known: Known) -> str:
    """A line for each service: rows a second offered, expected, and what its replicas carry."""
    lines = sorted(_line(item, known) for item in services)
    text = _table([HEAD, *lines]) if lines else "no ModelService"
    pools = [
        f"{pool}: {_count(values.get('gpus_held'))} of {_count(values.get('gpus_usable'))} in use"
        for pool, values in sorted(known.pools.items())
    ]
    return "\n".join([text, *pools])


def _line(service: Mapping[str, Any], known: Known) -> tuple[str, ...]:
    meta, status = service["metadata"], service.get("status", {})
    key = ServiceKey(meta["namespace"], meta["name"])
    figures = known.services.get(key, {})
    ready = condition(status, "Ready")
    replicas = status.get("replicas", {})
    each = figures.get("capacity_rows_per_second")
    now = replicas.get("ready", 0)
    return (
        key.namespace,
        key.name,
        ready.get("status", "Unknown"),
        replicas.get("summary", _UNKNOWN),
        _rate(figures.get("offered_rows_per_second")),
        _rate(figures.get("expected_rows_per_second")),
        _rate(None if each is None else each * now),
        _count(figures.get("gpus_held")),
        ready.get("reason", _UNKNOWN),
    )


def condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """One condition, empty where there is none."""
    return next((item for item in status.get("conditions", ()) if item["type"] == type_), {})


def _rate(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004


def _count(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.0f}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
