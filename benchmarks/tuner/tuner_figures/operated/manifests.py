"""The service whose goal changes, and how fast its operator goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice_harness.manifests.common import Object

NAMESPACE, NAME = "bench-retune", "tiny"
REPLICAS = 2
#: The goal that it begins with, and those that follow, over and over.
FIRST_MS, CHANGED_MS = 400, (300, 400)
INPUTS: list[Mapping[str, Any]] = [
    {"name": "input", "datatype": "FP32", "shape": [1, 8], "data": [0.5] * 8}
]
#: Chart values: no drift is looked for here, and a setting is tried as long as its requests take.
TUNING = {"observeSeconds": 2, "trialSeconds": 10}


def service(uri: str) -> Object:
    """It asks for memory that is enough for any setting, so that no change needs other pods."""
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "model": {"source": {"pytorch": {"uri": uri, "entrypoint": "tiny:load"}}},
            "serving": {
                "latencyObjective": {"percentile": "99", "milliseconds": FIRST_MS},
                "maxBatchSize": 4,
                "maxTuningDurationSeconds": 120,
                "resources": {
                    "requests": {"cpu": "100m", "memory": "768Mi"},
                    "limits": {"cpu": "1", "memory": "1536Mi"},
                },
            },
            "scaling": {"minReplicas": REPLICAS, "maxReplicas": REPLICAS},
        },
    }


def with_goal(milliseconds: int) -> Object:
    """A merge patch of its spec."""
    return {"spec": {"serving": {"latencyObjective": {"milliseconds": milliseconds}}}}
