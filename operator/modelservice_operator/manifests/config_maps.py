"""The ConfigMaps of a service: results of Jobs, and Triton's configuration."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_runtime.contract.model_config import ModelConfig, render_pbtxt

from .pods import metadata

CONFIG_FILE = "config.pbtxt"


def result_config_map(ref: ServiceRef, *, kind: str, key: str, result_json: str) -> dict[str, Any]:
    """A Job's result, kept beyond the Job."""
    labels = {names.KIND_LABEL: kind, names.KEY_LABEL: key}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(ref, names.result(ref.name, kind, key), names.STATE, labels=labels),
        "data": {"result.json": result_json},
    }


def serving_config_map(ref: ServiceRef, *, rollout: str, config: ModelConfig) -> dict[str, Any]:
    """What the pods of one rollout take Triton's configuration from, at every start.

    Its name stays while its content follows the tuning, so that no pod has to be replaced.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            ref,
            names.serving_config(ref.name, rollout),
            names.STATE,
            labels={names.KEY_LABEL: rollout},
            annotations={names.CONFIG_ANNOTATION: config.key},
        ),
        "data": {CONFIG_FILE: render_pbtxt(config)},
    }


def tuning_state_config_map(ref: ServiceRef, state_json: str) -> dict[str, Any]:
    """What is remembered of a running service's tuning."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            ref,
            names.tuning_state(ref.name),
            names.STATE,
            labels={names.KIND_LABEL: names.STATE},
        ),
        "data": {names.STATE_FILE: state_json},
    }
