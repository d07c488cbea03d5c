"""Chart.yaml, names, labels, notes, the test pod."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

Objects = list[dict[str, Any]]
Pick = Callable[..., dict[str, Any]]
Render = Callable[..., Objects]


@pytest.fixture(scope="session")
def project(repository: Path) -> Mapping[str, Any]:
    """The project table of pyproject.toml."""
    table: Mapping[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="session")
def metadata(chart: Path) -> dict[str, Any]:
    """Chart.yaml."""
    parsed: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text())
    return parsed


def test_chart_and_package_have_one_version(
    metadata: Mapping[str, Any], project: Mapping[str, Any]
) -> None:
    assert metadata["version"] == project["version"]
    assert metadata["appVersion"] == project["version"]
    assert metadata["name"] == project["name"]


def test_the_licence_is_the_same(metadata: Mapping[str, Any], project: Mapping[str, Any]) -> None:
    assert metadata["annotations"]["artifacthub.io/license"] == project["license"]


def test_the_hub_is_told_of_the_crd(metadata: Mapping[str, Any], crd: Mapping[str, Any]) -> None:
    (listed,) = yaml.safe_load(metadata["annotations"]["artifacthub.io/crds"])

    assert listed["name"] == crd["metadata"]["name"]
    assert listed["kind"] == crd["spec"]["names"]["kind"]
    assert listed["version"] == crd["spec"]["versions"][0]["name"]


def test_everything_carries_the_recommended_labels(render: Render) -> None:
    wanted = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    objects = render({"podMonitor": {"enabled": True}, "watchNamespaces": ["a"]})

    missing = [
        (item["kind"], item["metadata"]["name"])
        for item in objects
        if not wanted <= item["metadata"]["labels"].keys()
    ]
    assert missing == []


def test_namespaced_objects_go_to_the_release(default_objects: Objects) -> None:
    cluster = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}

    assert {
        item["metadata"].get("namespace") for item in default_objects if item["kind"] not in cluster
    } == {"ops"}


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("msop", {}, "msop-modelservice-operator"),
        ("modelservice-operator", {}, "modelservice-operator"),
        ("msop", {"nameOverride": "other"}, "msop-other"),
        ("msop", {"fullnameOverride": "mine"}, "mine"),
        ("r" * 53, {}, ""),
    ],
)
def test_names_follow_the_release_and_fit(
    render: Render, pick: Pick, release: str, values: dict[str, Any], name: str
) -> None:
    objects = render(values, release=release)
    names = [item["metadata"]["name"] for item in objects]

    assert [found for found in names if len(found) > 63] == []
    if name:
        assert pick(objects, "Deployment")["metadata"]["name"] == name


def test_two_releases_share_no_cluster_wide_name(render: Render) -> None:
    def cluster_names(release: str) -> set[str]:
        objects = render({"crds": {"enabled": False}}, release=release)
        return {i["metadata"]["name"] for i in objects if i["kind"].startswith("ClusterRole")}

    assert not cluster_names("one") & cluster_names("two")


def test_the_service_leads_to_the_pod(default_objects: Objects, pick: Pick) -> None:
    service = pick(default_objects, "Service")["spec"]
    template = pick(default_objects, "Deployment")["spec"]["template"]
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}

    assert service["selector"].items() <= template["metadata"]["labels"].items()
    assert {port["targetPort"] for port in service["ports"]} == ports


def test_the_test_pod_is_no_operator_and_asks_for_health(
    default_objects: Objects, pick: Pick
) -> None:
    pod = pick(default_objects, "Pod")
    selector = pick(default_objects, "Service")["spec"]["selector"]
    (container,) = pod["spec"]["containers"]

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert not selector.items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert ":8080/healthz" in container["command"][2]
    assert 'os.environ["MSOP_MODELSERVICE_OPERATOR_SERVICE_HOST"]' in container["command"][2]
    compile(container["command"][2], "health", "exec")


def test_an_account_of_ones_own_is_used(render: Render, pick: Pick) -> None:
    objects = render({"serviceAccount": {"create": False, "name": "mine"}})

    assert "ServiceAccount" not in {item["kind"] for item in objects}
    pod = pick(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "mine"
    assert pick(objects, "ClusterRoleBinding")["subjects"][0]["name"] == "mine"


def test_the_notes_warn_when_nothing_will_be_balanced(
    notes: Callable[[Mapping[str, Any]], str],
) -> None:
    assert "WARNING: prometheus.url is not set" in notes({})
    assert "WARNING" not in notes({"prometheus": {"url": "http://prometheus:9090"}})


def test_the_notes_name_what_the_store_needs(notes: Callable[[Mapping[str, Any]], str]) -> None:
    assert 'PersistentVolumeClaim "models"' in notes({})
    keys = notes({"store": {"uri": "s3://b", "secretName": "keys"}})
    assert 'Secret "keys" with the S3 credentials' in keys


def test_the_readmes_versions_are_those_of_the_chart(
    chart: Path, metadata: Mapping[str, Any]
) -> None:
    readme = (chart / "README.md").read_text()
    minimum = metadata["kubeVersion"].removeprefix(">=").split(".0-0")[0]

    assert f"Kubernetes {minimum} or later" in readme
    assert f"| {metadata['version']} |" in readme
