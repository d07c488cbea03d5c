"""Prometheus' answers as values. Pure, and suspicious: a 200 may carry anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from modelservice_operator.api.service import ServiceKey

#: Labels that the scrape configuration gives every series of a serving pod.
NAMESPACE, SERVICE, POD = "namespace", "modelservice", "pod"


class PodKey(NamedTuple):
    """One serving pod."""

    service: ServiceKey
    pod: str


def parse_vector(answer: object) -> dict[PodKey, float]:
    """The values of an instant vector by pod; entries that are not readable are left out.

    Two series of one pod (several model versions) are added up.
    """
    values: dict[PodKey, float] = {}
    for item in _items(answer):
        key, value = _key(item), _value(item)
        if key is not None and value is not None:
            values[key] = values.get(key, 0.0) + value
    return values


def _items(answer: object) -> Iterable[Mapping[str, Any]]:
    if not isinstance(answer, list):
        return []
    return [item for item in answer if isinstance(item, Mapping)]


def _key(item: Mapping[str, Any]) -> PodKey | None:
    labels = item.get("metric")
    if not isinstance(labels, Mapping):
        return None
    namespace, service, pod = (labels.get(name) for name in (NAMESPACE, SERVICE, POD))
    if not (isinstance(namespace, str) and isinstance(service, str) and isinstance(pod, str)):
        return None
    return PodKey(ServiceKey(namespace, service), pod)


def _value(item: Mapping[str, Any]) -> float | None:
    pair = item.get("value")
    if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004 - [time, value]
        return None
    try:
        return float(pair[1])
    except (TypeError, ValueError):
        return None
