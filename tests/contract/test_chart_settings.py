"""values.yaml → settings.json → ``modelservice_operator.settings``: nothing lost, nothing extra."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelservice_operator.settings import (
    DEFAULT_ENGINES,
    BalancerSettings,
    JobSettings,
    MasterKey,
    Settings,
    TuningSettings,
)
from modelservice_runtime.contract.model_config import BACKENDS, RUNTIME_ENGINES
from modelservice_runtime.contract.requests import ENGINES

Objects = list[dict[str, Any]]
Pick = Callable[..., dict[str, Any]]
Render = Callable[..., Objects]
Helm = Callable[..., subprocess.CompletedProcess[str]]

#: Another value for everything that reaches the operator.
CHANGED: dict[str, Any] = {
    "image": {"pullPolicy": "Always"},
    "imageRegistry": "host:5000/team",
    "builderImage": {"repository": "my-builder", "tag": "7"},
    "kerasBuilderImage": {"repository": "my-keras-builder", "tag": "8"},
    "store": {"uri": "s3://bucket/x", "secretName": "keys"},
    "prometheus": {"url": "http://prometheus:9090"},
    "watchNamespaces": ["a", "b"],
    "runtimes": [
        {
            "name": "gpu",
            "image": "other/serving:1",
            "tunerImage": "other/tuner:1",
            "backend": "python",
            "engines": ["onnxruntime", "aoti"],
            "nodeSelector": {"gpu": "yes"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "priorityClassName": "models",
        },
        {"name": "plain"},
    ],
    "balancer": {
        "intervalSeconds": 11,
        "scaleDownHoldSeconds": 121,
        "metricsStaleSeconds": 46,
        "gpus": {"nvidia.com/gpu": 7},
    },
    "jobs": {"attempts": 4, "backoffSeconds": 31},
    "tuning": {"driftMinutes": 16, "quietMinutes": 61, "observeSeconds": 31, "trialSeconds": 62},
    "resyncSeconds": 62,
    "logFormat": "plain",
}


@pytest.fixture
def document(render: Render, pick: Pick) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """``document(values)``: settings.json as the chart renders it."""

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        text = pick(render(values), "ConfigMap")["data"]["settings.json"]
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    return run


Document = Callable[[Mapping[str, Any]], dict[str, Any]]


def parse(document: Mapping[str, Any]) -> Settings:
    return Settings.from_json(json.dumps(document))


def test_the_charts_own_values_are_the_operators_own_defaults(document: Document) -> None:
    settings = parse(document({}))

    assert settings.balancer == BalancerSettings()
    assert settings.jobs == JobSettings()
    assert settings.tuning == TuningSettings()
    assert settings.master_key == MasterKey(
        namespace="ops",
        secret_name="msop-modelservice-operator-master-key",  # noqa: S106 - a name
    )
    assert settings.watch_namespaces == ()
    assert settings.prometheus_url == ""
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    assert settings.resync_seconds == defaults["resync_seconds"]
    assert settings.log_format == defaults["log_format"]


def test_every_value_reaches_the_operator(document: Document) -> None:
    settings = parse(document(CHANGED))

    assert settings.builder_image == "host:5000/team/my-builder:7"
    assert settings.keras_builder_image == "host:5000/team/my-keras-builder:8"
    assert settings.image_pull_policy == "Always"
    assert (settings.store.uri, settings.store.secret_name) == ("s3://bucket/x", "keys")
    assert settings.prometheus_url == "http://prometheus:9090"
    assert settings.watch_namespaces == ("a", "b")
    assert dataclasses.asdict(settings.balancer) == {
        "interval_seconds": 11,
        "scale_down_hold_seconds": 121,
        "metrics_stale_seconds": 46,
        "gpus": {"nvidia.com/gpu": 7},
    }
    assert dataclasses.asdict(settings.jobs) == {"attempts": 4, "backoff_seconds": 31}
    assert dataclasses.asdict(settings.tuning) == {
        "drift_minutes": 16,
        "quiet_minutes": 61,
        "observe_seconds": 31,
        "trial_seconds": 62,
    }
    assert (settings.resync_seconds, settings.log_format) == (62, "plain")


def test_a_runtime_reaches_the_operator_whole(document: Document) -> None:
    runtimes = parse(document(CHANGED)).runtimes

    assert dataclasses.asdict(runtimes["gpu"]) == {
        "name": "gpu",
        "image": "other/serving:1",
        "tuner_image": "other/tuner:1",
        "backend": "python",
        "engines": ("onnxruntime", "aoti"),
        "node_selector": {"gpu": "yes"},
        "tolerations": ({"key": "gpu", "operator": "Exists"},),
        "priority_class_name": "models",
    }


def test_a_runtime_of_a_name_alone_gets_the_projects_images(document: Document) -> None:
    plain = parse(document(CHANGED)).runtimes["plain"]

    assert plain.image == "host:5000/team/modelservice-serving:0.1.0"
    assert plain.tuner_image == "host:5000/team/modelservice-tuner:0.1.0"
    assert plain.backend == "onnxruntime"
    assert plain.engines == DEFAULT_ENGINES["onnxruntime"]


class Watched(dict[str, Any]):
    """A JSON object that remembers what was read of it."""

    def __init__(self, values: Mapping[str, Any], path: str, seen: set[str]) -> None:
        below = {key: watched(value, f"{path}{key}", seen) for key, value in values.items()}
        super().__init__(below)
        self._path, self._seen = path, seen

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict; the key is remembered."""
        self._seen.add(f"{self._path}{key}")
        return super().get(key, default)


def watched(value: Any, path: str, seen: set[str]) -> Any:
    if isinstance(value, dict):
        return Watched(value, f"{path}.", seen)
    if isinstance(value, list):
        return [watched(item, f"{path}[]", seen) for item in value]
    return value


def keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}{key}"
            yield from keys(item, f"{path}{key}.")
    elif isinstance(value, list):
        for item in value:
            yield from keys(item, f"{path.removesuffix('.')}[].")


#: Passed on as they are.
OPAQUE = ("runtimes[].nodeSelector.", "runtimes[].tolerations[].")


def test_the_operator_reads_every_key_of_the_file_and_no_other(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    rendered = document(CHANGED)
    monkeypatch.setattr(json, "loads", lambda _: Watched(rendered, "", seen))

    Settings.from_json("")

    written = {key for key in keys(rendered) if not key.startswith(OPAQUE)}
    assert seen == written


@pytest.mark.parametrize("backend", BACKENDS)
def test_both_backends_are_understood_with_all_that_they_can_run(
    document: Document, backend: str
) -> None:
    engines = list(RUNTIME_ENGINES[backend])
    values = {"runtimes": [{"name": "a", "backend": backend, "engines": engines}]}
    (runtime,) = parse(document(values)).runtimes.values()

    assert (runtime.backend, list(runtime.engines)) == (backend, engines)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_chart_and_operator_refuse_the_same_engines(
    helm: Helm, chart: Path, backend: str, engine: str
) -> None:
    engines = list(dict.fromkeys(["onnxruntime", engine]))
    values = {"runtimes": [{"name": "a", "backend": backend, "engines": engines}]}
    done = helm("template", "a", str(chart), "--values", "-", stdin=json.dumps(values))

    assert (done.returncode == 0) == (engine in RUNTIME_ENGINES[backend]), done.stderr


def test_chart_and_operator_want_the_engine_that_runs_any_source_model(
    helm: Helm, chart: Path
) -> None:
    values = {"runtimes": [{"name": "a", "backend": "python", "engines": ["openvino"]}]}
    done = helm("template", "a", str(chart), "--values", "-", stdin=json.dumps(values))

    assert done.returncode != 0
    assert "/runtimes/0/engines" in done.stderr
