"""The spec of a ModelService as a value, parsed once from the API object.

The API server has checked types, bounds and rules already (``crds/``); parsing checks again
what the operator relies on, since an object may be older than the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice_runtime.contract.build_spec import BuildSpec, max_batch_size, parse_build_spec
from modelservice_runtime.contract.fields import Fields, SpecError
from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.contract.traffic import Traffic

from .quantities import parse_quantity
from .traffic import parse_traffic

AUTO = "Auto"
RECOMMEND = "Recommend"
HOLD = "Hold"
SAFE = "Safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Requests and limits as Kubernetes quantities, by resource name."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the model is to be served."""

    runtime: str
    objective: LatencyObjective
    max_batch_size: int
    resources: Resources
    max_tuning_duration_seconds: int
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Bounds of the replica count; ``replicas`` set by hand switches the balancer off.

    ``priority``: a higher one is served first where GPUs are short. ``on_metrics_loss``: whether a
    load that cannot be read for long means as many replicas as now (``HOLD``) or more (``SAFE``).
    """

    min_replicas: int
    max_replicas: int
    mode: str
    replicas: int | None
    priority: int = 0
    on_metrics_loss: str = HOLD

    @property
    def only_advised(self) -> bool:
        """What the balancer decides is said, and not done; a count set by hand is."""
        return self.mode == RECOMMEND and self.replicas is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where artifacts go; ``secret_name``: credentials in the service's own namespace."""

    uri: str
    secret_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServiceSpec:
    """One ModelService. ``store`` is None where the operator's own is meant."""

    build: BuildSpec
    build_resources: Resources
    serving: Serving
    scaling: Scaling
    store: Store | None
    suspend: bool


def parse_spec(spec: Mapping[str, Any]) -> ModelServiceSpec:
    """The value of the object's ``spec``.

    Raises:
        SpecError: a field is missing or wrong; the error names it.
    """
    root = Fields("spec", spec)
    return ModelServiceSpec(
        build=parse_build_spec(spec),
        build_resources=_resources(
            root.child("optimization").child("resources"),
            Resources(requests={"cpu": "1", "memory": "2Gi"}, limits={"memory": "4Gi"}),
        ),
        serving=_serving(root.child("serving")),
        scaling=_scaling(root.child("scaling")),
        store=_store(root.child("store")) if root.has("store") else None,
        suspend=root.boolean("suspend", default=False),
    )


def _serving(fields: Fields) -> Serving:
    objective = fields.child("latencyObjective")
    largest = max_batch_size(fields)
    return Serving(
        runtime=fields.text("runtime", "triton"),
        objective=LatencyObjective(
            percentile=objective.decimal("percentile", "99", low=50, high=99.9),
            milliseconds=float(objective.integer("milliseconds", low=1, high=600_000)),
        ),
        max_batch_size=largest,
        resources=_resources(
            fields.child("resources"),
            Resources(requests={"cpu": "1", "memory": "1Gi"}, limits={"cpu": "1", "memory": "2Gi"}),
        ),
        max_tuning_duration_seconds=fields.integer(
            "maxTuningDurationSeconds", 900, low=60, high=7200
        ),
        traffic=parse_traffic(fields.child("traffic"), largest),
    )


def _scaling(fields: Fields) -> Scaling:
    low = fields.integer("minReplicas", 1, low=1, high=1000)
    high = fields.integer("maxReplicas", 4, low=1, high=1000)
    if low > high:
        raise SpecError(fields.at("minReplicas"), f"{low} is more than maxReplicas {high}")
    by_hand = fields.integer("replicas", low=0, high=1000) if fields.has("replicas") else None
    mode = fields.choice("mode", AUTO, (AUTO, RECOMMEND))
    return Scaling(
        min_replicas=low,
        max_replicas=high,
        mode=mode,
        replicas=by_hand,
        priority=fields.integer("priority", 0, low=0, high=1000),
        on_metrics_loss=fields.choice("onMetricsLoss", HOLD, (HOLD, SAFE)),
    )


def _store(fields: Fields) -> Store:
    return Store(uri=fields.text("uri"), secret_name=fields.text("secretName", ""))


def _resources(fields: Fields, default: Resources) -> Resources:
    if not fields.values:
        return default
    return Resources(
        requests=_quantities(fields.child("requests")), limits=_quantities(fields.child("limits"))
    )


def _quantities(fields: Fields) -> dict[str, str]:
    for name, value in fields.values.items():
        parse_quantity(value, fields.at(name))
    return {name: str(value) for name, value in fields.values.items()}
