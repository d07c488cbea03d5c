"""A search that goes in circles, and what it had found by then. Pure.

Model Analyzer's quick search walks between settings that it has measured, and on a noisy machine it
can do so for ever: it measures nothing new and does not end. It is then told to stop, pays for the
time up to its last measurement, and its best is read from its checkpoint, as its table would say.
"""

from __future__ import annotations

import json
from typing import Any

from tuner_figures.serving.settings import Setting

from .found import Best, UnreadableError

_NEW, _KNOWN = "] Profiling ", "] Existing measurement found"
#: So many known settings one after another are a circle: a walk has fewer neighbours.
CIRCLE = 25


def circles(log: str) -> bool:
    """Whether nothing new was measured for long, by its log."""
    since = log.rpartition(_NEW)[2]
    return since.count(_KNOWN) >= CIRCLE


def best_of_checkpoint(text: str, model: str, goal_ms: float, threads: int) -> Best | None:
    """The most throughput within the goal; None if nothing was within it.

    Raises:
        UnreadableError: the checkpoint is not what it is expected to be.
    """
    try:
        results = json.loads(text)["ResultManager.results"]["_results"][model]
        measured = [
            _best(config, measurement, goal_ms, threads)
            for config, measurements in results.values()
            for measurement in measurements.values()
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UnreadableError(f"its checkpoint: {error!r}") from error
    within = [item for item in measured if item is not None]
    return max(within, key=lambda item: item.throughput, default=None)


def _best(
    config: dict[str, Any], measurement: dict[str, Any], goal_ms: float, threads: int
) -> Best | None:
    variant = config["_model_run_configs"][0]["_model_config_variant"]["model_config"]
    figures = measurement["_model_config_measurements"][0]["_non_gpu_data_from_tag"]
    if _value(figures["perf_latency_p99"]) > goal_ms:
        return None
    setting = Setting(
        batch=int(variant["maxBatchSize"]),
        instances=int(variant["instanceGroup"][0].get("count", 1)),
        threads=threads,
    )
    return Best(setting=setting, throughput=_value(figures["perf_throughput"]))


def _value(pair: list[Any]) -> float:
    return float(pair[1]["_value"])
