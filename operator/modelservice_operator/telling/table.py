"""All services in one table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelservice_operator.api.service import ServiceKey

from .figures import HELD, USABLE, Known
from .objects import condition, part

HEAD = (
    *("NAMESPACE", "NAME", "READY", "REPLICAS", "LOAD", "EXPECTED", "CAPACITY"),
    *("REFUSED", "GPUS", "REASON"),
)
_UNKNOWN = "-"


def top(services: Iterable[Mapping[str, Any]], known: Known) -> str:
    """A line for each service: rows a second offered, expected, and what its replicas carry."""
    lines = sorted(_line(item, known) for item in services)
    text = _table([HEAD, *lines]) if lines else "no ModelService"
    pools = [
        f"{pool}: {_count(values.get(HELD))} of {_count(values.get(USABLE))} in use"
        for pool, values in sorted(known.pools.items())
    ]
    return "\n".join([text, *pools])


def _line(service: Mapping[str, Any], known: Known) -> tuple[str, ...]:
    status = part(service, "status")
    key = ServiceKey(service["metadata"]["namespace"], service["metadata"]["name"])
    figures = known.services.get(key, {})
    ready, replicas = condition(status, "Ready"), part(status, "replicas")
    each, now = figures.get("capacity_rows_per_second"), replicas.get("ready", 0)
    return (
        key.namespace,
        key.name,
        str(ready.get("status", "Unknown")),
        str(replicas.get("summary", _UNKNOWN)),
        _rate(figures.get("offered_rows_per_second")),
        _rate(figures.get("expected_rows_per_second")),
        _rate(None if each is None or not isinstance(now, int) else each * now),
        _share(figures),
        _count(figures.get(HELD)),
        str(ready.get("reason", _UNKNOWN)),
    )


def _rate(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004


def _share(figures: Mapping[str, float]) -> str:
    """Requests of the last minute that were refused, in percent."""
    requests = figures.get("requests_last_minute")
    rejected = figures.get("rejected_requests_last_minute")
    if requests is None or rejected is None:
        return _UNKNOWN
    return f"{100 * rejected / requests:.1f}%" if requests > 0 else "0.0%"


def _count(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.0f}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
