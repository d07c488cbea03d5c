"""Prometheus' answers as values. Pure, and suspicious: a 200 may carry anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.load.offered import CounterSample

#: Labels that the scrape configuration gives every series of a serving pod.
NAMESPACE, SERVICE, POD = "namespace", "modelservice", "pod"


class PodKey(NamedTuple):
    """One serving pod."""

    service: ServiceKey
    pod: str


#: Triton's word for a request that had waited too long.
REJECTED = "REJECTED"

#: By pod: time of a scrape → value.
Series = dict[PodKey, dict[float, float]]


def parse_matrix(answer: object, *, reason: str = "") -> Series:
    """The samples of a range vector by pod; what is not readable is left out.

    Several series of one pod (model versions, reasons) are added up, scrape by scrape; with
    ``reason`` only those that carry it count.
    """
    found: Series = {}
    for item in _items(answer):
        key = _key(item)
        if key is None or (reason and _label(item, "reason") != reason):
            continue
        samples = found.setdefault(key, {})
        for at, value in _values(item):
            samples[at] = samples.get(at, 0.0) + value
    return found


def counters(pod: PodKey, figures: Mapping[str, Series]) -> tuple[CounterSample, ...]:
    """What one pod's scrapes say, oldest first.

    ``figures``: by field of CounterSample. A scrape without successes or rows says nothing; one
    without failures has none, as Triton shows them only once there were some.
    """
    successes, rows = (figures[name].get(pod, {}) for name in ("successes", "rows"))
    others = {
        name: figures.get(name, {}).get(pod, {}) for name in ("failures", "pending", "rejected")
    }
    return tuple(
        CounterSample(
            at=at,
            successes=successes[at],
            rows=rows[at],
            **{name: series.get(at, 0.0) for name, series in others.items()},
        )
        for at in sorted(successes.keys() & rows.keys())
    )


def _items(answer: object) -> Iterable[Mapping[str, Any]]:
    if not isinstance(answer, list):
        return []
    return [item for item in answer if isinstance(item, Mapping)]


def _label(item: Mapping[str, Any], name: str) -> object:
    labels = item.get("metric")
    return labels.get(name) if isinstance(labels, Mapping) else None


def _key(item: Mapping[str, Any]) -> PodKey | None:
    namespace, service, pod = (_label(item, name) for name in (NAMESPACE, SERVICE, POD))
    if not (isinstance(namespace, str) and isinstance(service, str) and isinstance(pod, str)):
        return None
    return PodKey(ServiceKey(namespace, service), pod)


def _values(item: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    pairs = item.get("values")
    for pair in pairs if isinstance(pairs, list) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004 - [time, value]
            continue
        try:
            at, value = float(pair[0]), float(pair[1])
        except (TypeError, ValueError):
            continue
        if math.isfinite(at):
            yield at, value
