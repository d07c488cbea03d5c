"""The operator's Deployment: one pod, unprivileged, watched, restarted when settings change."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from modelservice_operator.__main__ import SETTINGS_VARIABLE

Objects = list[dict[str, Any]]
Pick = Callable[..., dict[str, Any]]
Render = Callable[..., Objects]


@pytest.fixture
def deployment(default_objects: Objects, pick: Pick) -> dict[str, Any]:
    """The Deployment with the chart's own values."""
    return pick(default_objects, "Deployment")


def pod_of(deployment: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def container_of(deployment: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod_of(deployment)["containers"]
    container: dict[str, Any] = only
    return container


def test_there_is_one_operator_and_never_two(deployment: dict[str, Any]) -> None:
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_pod_is_restricted(deployment: dict[str, Any]) -> None:
    pod, container = pod_of(deployment), container_of(deployment)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert {next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} == {
        "configMap", "emptyDir",
    }  # fmt: skip


def test_only_tmp_can_be_written(deployment: dict[str, Any]) -> None:
    mounts = container_of(deployment)["volumeMounts"]

    assert [mount["mountPath"] for mount in mounts if not mount.get("readOnly")] == ["/tmp"]  # noqa: S108 - the pod's own


def test_the_operator_finds_its_settings(
    default_objects: Objects, deployment: dict[str, Any], pick: Pick
) -> None:
    container = container_of(deployment)
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "settings"]
    (volume,) = [v for v in pod_of(deployment)["volumes"] if v["name"] == "settings"]
    (file_name,) = pick(default_objects, "ConfigMap")["data"]

    assert volume["configMap"]["name"] == pick(default_objects, "ConfigMap")["metadata"]["name"]
    assert {item["name"]: item["value"] for item in container["env"]} == {
        SETTINGS_VARIABLE: f"{mount['mountPath']}/{file_name}"
    }


def test_probes_ask_the_health_endpoint(deployment: dict[str, Any]) -> None:
    container = container_of(deployment)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert ports == {"health": 8080, "metrics": 9090}
    for probe in ("livenessProbe", "startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "health"}


def test_a_hanging_operator_is_restarted_within_a_minute(deployment: dict[str, Any]) -> None:
    probe = container_of(deployment)["livenessProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] <= 60


def test_memory_is_bounded_and_cpu_is_not_throttled(deployment: dict[str, Any]) -> None:
    assert container_of(deployment)["resources"]["limits"] == {"memory": "256Mi"}


def test_the_pod_starts_again_when_the_settings_change(render: Render, pick: Pick) -> None:
    def checksum(values: dict[str, Any]) -> str:
        template = pick(render(values), "Deployment")["spec"]["template"]
        value: str = template["metadata"]["annotations"]["checksum/settings"]
        return value

    base = checksum({})
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert checksum({"nodeSelector": {"a": "b"}}) == base
    assert checksum({"resyncSeconds": 61}) != base
    assert checksum({"prometheus": {"url": "http://p:9090"}}) != base


def test_the_selector_holds_nothing_that_changes(deployment: dict[str, Any]) -> None:
    selector = deployment["spec"]["selector"]["matchLabels"]

    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert set(selector) == {
        "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
    }  # fmt: skip


def test_labels_of_the_user_cannot_break_the_selector(render: Render, pick: Pick) -> None:
    labels = {"app.kubernetes.io/name": "other", "team": "a"}
    deployment = pick(render({"podLabels": labels}), "Deployment")
    given = deployment["spec"]["template"]["metadata"]["labels"]

    assert deployment["spec"]["selector"]["matchLabels"].items() <= given.items()
    assert given["team"] == "a"


def test_placement_reaches_the_pod(render: Render, pick: Pick) -> None:
    values = {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "imagePullSecrets": ["registry"],
        "terminationGracePeriodSeconds": 17,
        "podAnnotations": {"note": "1"},
    }
    deployment = pick(render(values), "Deployment")
    pod = pod_of(deployment)

    assert pod["nodeSelector"] == values["nodeSelector"]
    assert pod["tolerations"] == values["tolerations"]
    assert pod["affinity"] == values["affinity"]
    assert pod["priorityClassName"] == "high"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["terminationGracePeriodSeconds"] == 17
    assert deployment["spec"]["template"]["metadata"]["annotations"]["note"] == "1"


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "modelservice-operator:0.1.0"),
        ({"image": {"tag": "1.2"}}, "modelservice-operator:1.2"),
        ({"imageRegistry": "host:5000/team"}, "host:5000/team/modelservice-operator:0.1.0"),
        (
            {"image": {"repository": "host:5000/op", "tag": "1@sha256:" + "a" * 64}},
            "host:5000/op:1@sha256:" + "a" * 64,
        ),
    ],
)
def test_the_image_is_the_one_that_was_asked_for(
    render: Render, pick: Pick, values: dict[str, Any], image: str
) -> None:
    assert container_of(pick(render(values), "Deployment"))["image"] == image


def test_the_token_is_mounted_only_where_it_is_needed(
    default_objects: Objects, deployment: dict[str, Any], pick: Pick
) -> None:
    account = pick(default_objects, "ServiceAccount")

    assert account["automountServiceAccountToken"] is False
    assert pod_of(deployment)["automountServiceAccountToken"] is True
    assert pod_of(deployment)["serviceAccountName"] == account["metadata"]["name"]
