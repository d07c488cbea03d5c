"""The operator's own configuration: one JSON file, rendered by the chart, parsed once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice_runtime.contract.fields import Fields, SpecError
from modelservice_runtime.contract.model_config import (
    BACKENDS,
    ONNXRUNTIME_BACKEND,
    PYTHON_BACKEND,
    RUNTIME_ENGINES,
)
from modelservice_runtime.contract.requests import ENGINES, ONNXRUNTIME, OPENVINO

from .api.spec import Store

#: What the images of a backend have for sure: torch (aoti) is gigabytes that many leave out.
DEFAULT_ENGINES = {
    ONNXRUNTIME_BACKEND: (ONNXRUNTIME,),
    PYTHON_BACKEND: (ONNXRUNTIME, OPENVINO),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What serves a model. ``backend``: Triton's backend for ONNX in that image.

    ``engines``: of the contract's ``ENGINES``, what that image can run; ONNX Runtime at least.
    """

    name: str
    image: str
    tuner_image: str
    backend: str
    engines: tuple[str, ...]
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    priority_class_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerSettings:
    """``scale_down_hold_seconds``: 0 for what follows from how long a replica takes to start.

    ``gpus``: by resource, the most that services may hold together, whatever the nodes have.
    """

    interval_seconds: int = 5
    scale_down_hold_seconds: int = 0
    metrics_stale_seconds: int = 45
    gpus: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """``attempts``: how often an infrastructure failure is tried; the pause doubles each time."""

    attempts: int = 3
    backoff_seconds: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """When a running service is tuned again, and how a changed setting is tried.

    ``drift_minutes``: so long must it differ from its profile; ``quiet_minutes``: between the end
    of one retuning and the next; ``observe_seconds``: between two looks at Triton's counters;
    ``trial_seconds``: a changed setting serves on one replica for so long at least.
    """

    drift_minutes: int = 15
    quiet_minutes: int = 60
    observe_seconds: int = 30
    trial_seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """The Secret, in the operator's own namespace, that every service's admin key comes from."""

    namespace: str
    secret_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a cluster admin decides. ``watch_namespaces`` empty: all.

    ``keras_builder_image``: builds TensorFlow sources, ``builder_image`` all others.
    """

    builder_image: str
    keras_builder_image: str
    image_pull_policy: str
    store: Store
    prometheus_url: str
    runtimes: Mapping[str, Runtime]
    balancer: BalancerSettings
    jobs: JobSettings
    tuning: TuningSettings
    master_key: MasterKey
    watch_namespaces: tuple[str, ...] = ()
    resync_seconds: int = 60
    log_format: str = "json"

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Parse and validate.

        Raises:
            SpecError: a key is missing or wrong; the error names it.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise SpecError("settings", f"not JSON: {error}") from error
        root = Fields("settings", document)
        store = root.child("store")
        return cls(
            builder_image=root.text("builderImage"),
            keras_builder_image=root.text("kerasBuilderImage"),
            image_pull_policy=root.choice(
                "imagePullPolicy", "IfNotPresent", ("Always", "IfNotPresent", "Never")
            ),
            store=Store(uri=store.text("uri"), secret_name=store.text("secretName", "")),
            prometheus_url=root.text("prometheusUrl", ""),
            runtimes=_runtimes(root),
            balancer=_balancer(root.child("balancer")),
            jobs=_jobs(root.child("jobs")),
            tuning=_tuning(root.child("tuning")),
            master_key=_master_key(root.child("masterKey")),
            watch_namespaces=tuple(root.values.get("watchNamespaces") or ()),
            resync_seconds=root.integer("resyncSeconds", 60, low=5, high=3600),
            log_format=root.choice("logFormat", "json", ("json", "plain")),
        )


def _runtimes(root: Fields) -> dict[str, Runtime]:
    items = root.values.get("runtimes")
    if not isinstance(items, list) or not items:
        raise SpecError(root.at("runtimes"), "at least one runtime is needed")
    runtimes = [
        _runtime(Fields(f"{root.at('runtimes')}[{index}]", item))
        for index, item in enumerate(items)
    ]
    return {runtime.name: runtime for runtime in runtimes}


def _runtime(fields: Fields) -> Runtime:
    backend = fields.choice("backend", BACKENDS[0], BACKENDS)
    return Runtime(
        name=fields.text("name"),
        image=fields.text("image"),
        tuner_image=fields.text("tunerImage"),
        backend=backend,
        engines=_engines(fields, backend),
        node_selector=dict(fields.child("nodeSelector").values),
        tolerations=tuple(fields.values.get("tolerations") or ()),
        priority_class_name=fields.text("priorityClassName", ""),
    )


def _engines(fields: Fields, backend: str) -> tuple[str, ...]:
    engines = fields.subset("engines", (), ENGINES) or DEFAULT_ENGINES[backend]
    for engine in engines:
        if engine not in RUNTIME_ENGINES[backend]:
            possible = ", ".join(RUNTIME_ENGINES[backend])
            message = f"backend {backend} cannot run {engine}; it can run: {possible}"
            raise SpecError(fields.at("engines"), message)
    if ONNXRUNTIME not in engines:
        message = f"{ONNXRUNTIME} must be there: a source model as it is runs in nothing else"
        raise SpecError(fields.at("engines"), message)
    return engines


def _balancer(fields: Fields) -> BalancerSettings:
    gpus = fields.child("gpus")
    return BalancerSettings(
        interval_seconds=fields.integer("intervalSeconds", 5, low=1, high=300),
        scale_down_hold_seconds=fields.integer("scaleDownHoldSeconds", 0, low=0, high=3600),
        metrics_stale_seconds=fields.integer("metricsStaleSeconds", 45, low=5, high=600),
        gpus={name: gpus.integer(name, low=0, high=100_000) for name in gpus.values},
    )


def _jobs(fields: Fields) -> JobSettings:
    return JobSettings(
        attempts=fields.integer("attempts", 3, low=1, high=10),
        backoff_seconds=fields.integer("backoffSeconds", 30, low=1, high=3600),
    )


def _tuning(fields: Fields) -> TuningSettings:
    return TuningSettings(
        drift_minutes=fields.integer("driftMinutes", 15, low=1, high=1440),
        quiet_minutes=fields.integer("quietMinutes", 60, low=1, high=10080),
        observe_seconds=fields.integer("observeSeconds", 30, low=1, high=300),
        trial_seconds=fields.integer("trialSeconds", 60, low=5, high=300),
    )


def _master_key(fields: Fields) -> MasterKey:
    return MasterKey(
        namespace=fields.text("namespace", "modelservice-system"),
        secret_name=fields.text("secretName", "modelservice-operator-master-key"),
    )
