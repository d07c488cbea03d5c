"""Triton's answers as values. Pure, and suspicious: a 200 may carry anything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from modelservice_operator.drift.statistics import BatchTime, PodStatistics
from modelservice_runtime.contract.model_config import CONFIG_KEY

_P99 = re.compile(
    r'^nv_inference_request_summary_us\{([^}]*quantile="0\.99"[^}]*)\} (\S+)$', re.MULTILINE
)


def parse_statistics(
    pod: str, *, config: bytes, statistics: bytes, metrics: bytes
) -> PodStatistics:
    """One pod's answers to ``/config``, ``/stats`` and ``/metrics``.

    Raises:
        ValueError: the first two are not what Triton answers; the third may be anything.
    """
    try:
        document, (model, *_) = json.loads(config), json.loads(statistics)["model_stats"]
        counted = model.get("inference_stats", {})
        return PodStatistics(
            pod=pod,
            config_key=_config_key(document),
            successes=_number(counted.get("success", {}), "count"),
            failures=_number(counted.get("fail", {}), "count"),
            request_nanoseconds=_number(counted.get("success", {}), "ns"),
            rows=_number(model, "inference_count"),
            cached=_number(counted.get("cache_hit", {}), "count"),
            batches=tuple(_batch(item) for item in model.get("batch_stats", ())),
            p99_milliseconds=parse_p99(metrics.decode(errors="replace"), str(document["name"])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no statistics of a model: {error!r}") from error


def _config_key(document: Mapping[str, Any]) -> str:
    return str(document.get("parameters", {}).get(CONFIG_KEY, {}).get("string_value", ""))


def _batch(item: Mapping[str, Any]) -> BatchTime:
    parts = [item.get(f"compute_{part}", {}) for part in ("input", "infer", "output")]
    return BatchTime(
        batch=_number(item, "batch_size"),
        executions=_number(parts[1], "count"),
        nanoseconds=sum(_number(part, "ns") for part in parts),
    )


def _number(values: Mapping[str, Any], name: str) -> int:
    """A counter; what is not there was not counted."""
    return max(0, int(values.get(name, 0)))


def parse_p99(text: str, model: str) -> float | None:
    """Milliseconds in which 99 % of the last minute's requests were answered; None: not known."""
    for labels, value in _P99.findall(text):
        if f'model="{model}"' in labels:
            milliseconds = _float(value) / 1e3
            return milliseconds if math.isfinite(milliseconds) and milliseconds > 0 else None
    return None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
