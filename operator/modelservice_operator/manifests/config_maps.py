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


def serving_config_map(ref: ServiceRef, *, key: str, config: ModelConfig) -> dict[str, Any]:
    """Triton's configuration of one artifact with one tuning.

    Its name says which, so it never changes.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            ref,
            names.serving_config(ref.name, key),
            names.STATE,
            labels={names.KEY_LABEL: key},
        ),
        "immutable": True,
        "data": {CONFIG_FILE: render_pbtxt(config)},
    }
