"""The operator's own figures (/metrics) by service. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from modelservice_operator.api.service import ServiceKey

_PREFIX = "modelservice_"
#: Sums over the services of a pool, which the text has by service only.
HELD = "gpus_held"
USABLE = "gpus_usable"


@dataclass(frozen=True, slots=True)
class Known:
    """``services``: name of a figure → value, by service; ``pools``: GPUs by pool.

    ``missing``: why there are none, in words; empty where there are.
    """

    services: dict[ServiceKey, dict[str, float]] = field(default_factory=dict)
    pools: dict[str, dict[str, float]] = field(default_factory=dict)
    missing: str = ""


def parse_figures(text: str) -> Known:
    """What the text says; nothing of what is not ours, or no number.

    Raises:
        ValueError: it is no text of metrics, or not of this operator.
    """
    try:
        families = [f for f in text_string_to_metric_families(text) if f.name.startswith(_PREFIX)]
    except Exception as error:  # the parser raises whatever it stumbles over
        raise ValueError(f"what was answered are no metrics: {text[:40]!r}") from error
    if not families:
        raise ValueError(f"what was answered are not this operator's metrics: {text[:40]!r}")
    known = Known()
    for family in families:
        _take(known, family, family.name.removeprefix(_PREFIX))
    return known


def _take(known: Known, family: Metric, name: str) -> None:
    for sample in family.samples:
        labels = sample.labels
        if not math.isfinite(sample.value):
            continue
        if "namespace" in labels and "name" in labels:
            key = ServiceKey(labels["namespace"], labels["name"])
            known.services.setdefault(key, {})[name] = sample.value
        if "pool" in labels and name in {HELD, USABLE}:
            pool = known.pools.setdefault(labels["pool"], {})
            pool[name] = pool.get(name, 0.0) + sample.value
