"""The operator's own figures (/metrics) by service. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from modelservice_operator.api.service import ServiceKey

_PREFIX = "modelservice_"


@dataclass(frozen=True, slots=True)
class Known:
    """``services``: name of a figure → value, by service; ``pools``: GPUs by resource."""

    services: dict[ServiceKey, dict[str, float]] = field(default_factory=dict)
    pools: dict[str, dict[str, float]] = field(default_factory=dict)


def parse_figures(text: str) -> Known:
    """What the text says; nothing of what is not ours.

    Raises:
        ValueError: it is no text of metrics.
    """
    known = Known()
    for family in text_string_to_metric_families(text):
        if not family.name.startswith(_PREFIX):
            continue
        name = family.name.removeprefix(_PREFIX)
        for sample in family.samples:
            labels = sample.labels
            if "namespace" in labels and "name" in labels:
                key = ServiceKey(labels["namespace"], labels["name"])
                known.services.setdefault(key, {})[name] = sample.value
            elif "pool" in labels:
                known.pools.setdefault(labels["pool"], {})[name] = sample.value
    return known
