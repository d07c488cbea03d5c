"""The image map, the unpacked wheel, and the pods that the harness adds to a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice_harness.debian import Program
from modelservice_harness.errors import CommandFailed
from modelservice_harness.images import ImageFolders, ImageNames, image_map, write_image_map
from modelservice_harness.inside import discover
from modelservice_harness.install import Pace, is_rolled_out, operator_values
from modelservice_harness.layout import layout_of
from modelservice_harness.manifests import prometheus, storage
from modelservice_harness.project import unpack_wheel
from modelservice_harness.testing import abandoned, namespace_name

NAMES = ImageNames(version="1.2.3")


@pytest.fixture
def folders(tmp_path: Path) -> ImageFolders:
    names = ("serving", "builder", "builder-keras", "operator")
    for path in ("serving/triton/bin", *(f"{name}/bin" for name in names)):
        (tmp_path / path).mkdir(parents=True)
    return ImageFolders(
        python=Path("/opt/python"),
        project=tmp_path / "project",
        environments={name: tmp_path / name for name in names},
        prometheus=Program(path=Path("/usr/bin/prometheus")),
    )


def test_every_image_of_the_chart_is_mapped(folders: ImageFolders) -> None:
    images = image_map(NAMES, folders)["images"]
    values = operator_values(NAMES, "http://10.96.0.9:9090", Pace())
    (runtime,) = values["runtimes"]
    keys = ("image", "builderImage", "kerasBuilderImage")
    wanted = {f"{values[key]['repository']}:{values[key]['tag']}" for key in keys}
    assert wanted | {runtime["image"], runtime["tunerImage"], NAMES.client} <= set(images)


def test_python_images_see_their_own_folders_and_no_others(folders: ImageFolders) -> None:
    image = image_map(NAMES, folders)["images"]["modelservice-builder:1.2.3"]
    environment, project = str(folders.environments["builder"]), str(folders.project)
    assert image["binds"] == sorted([environment, project, "/opt/python"])
    assert image["path"][0] == f"{project}/bin"
    assert image["path"][-1] == f"{environment}/bin"
    assert image["env"]["PYTHONPATH"] == f"{project}/site"


def test_triton_comes_before_the_wheels_own_programs(folders: ImageFolders) -> None:
    """The wheel's perf_analyzer does not find its libraries; the wrapper does."""
    path = image_map(NAMES, folders)["images"]["modelservice-tuner:1.2.3"]["path"]
    serving = folders.environments["serving"]
    assert path.index(f"{serving}/triton/bin") < path.index(f"{serving}/bin")


def test_system_folders_are_not_bound_again(folders: ImageFolders) -> None:
    assert image_map(NAMES, folders)["images"][NAMES.prometheus]["binds"] == []


def test_a_registry_path_goes_before_every_name() -> None:
    names = ImageNames(version="1", prefix="registry.example/team/")
    assert names.name("modelservice-builder") == "registry.example/team/modelservice-builder:1"


def test_the_map_of_a_cluster_has_one_place(tmp_path: Path) -> None:
    """The nodes read it again at every pull, and `up` refuses another path."""
    first = write_image_map(tmp_path, "demo", {"images": {}})
    second = write_image_map(tmp_path, "demo", {"images": {"a:1": {}}})
    assert first == second
    assert json.loads(second.read_text()) == {"images": {"a:1": {}}}


def test_an_unpacked_wheel_runs(tmp_path: Path) -> None:
    wheel = tmp_path / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing.py", "import sys\ndef main():\n    print('hello', *sys.argv[1:])\n")
        archive.writestr(
            "thing-1.dist-info/entry_points.txt", "[console_scripts]\nthing = thing:main\n"
        )
    unpack_wheel(wheel, tmp_path / "out")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [tmp_path / "out" / "bin" / "thing", "you"],
        env={"PATH": path, "PYTHONPATH": str(tmp_path / "out" / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "hello you\n"


def test_a_broken_wheel_is_a_failure_in_words(tmp_path: Path) -> None:
    (tmp_path / "bad.whl").write_text("not a zip")
    with pytest.raises(CommandFailed, match="not a wheel"):
        unpack_wheel(tmp_path / "bad.whl", tmp_path / "out")


def pods() -> list[dict[str, Any]]:
    deployment = next(
        item
        for item in prometheus.objects(image="p:1", python_image="q:1", interval_seconds=5)
        if item["kind"] == "Deployment"
    )
    return [
        deployment["spec"]["template"]["spec"],
        storage.uploader("demo", image="q:1", user=65532)["spec"],
    ]


def test_our_pods_satisfy_the_restricted_standard() -> None:
    for spec in pods():
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_the_values_are_ones_that_the_chart_knows() -> None:
    chart = layout_of(dict(os.environ)).repository / "charts" / "modelservice-operator"
    known = yaml.safe_load((chart / "values.yaml").read_text())
    for key, value in operator_values(NAMES, "http://p:9090", Pace()).items():
        assert key in known
        if isinstance(value, dict):
            assert set(value) <= set(known[key])


def test_discovery_gives_the_labels_of_kubernetes_sd() -> None:
    pod = {
        "metadata": {
            "name": "a-1",
            "namespace": "demo",
            "labels": {"modelservice.dev/name": "a", "app.kubernetes.io/component": "serving"},
        },
        "spec": {
            "containers": [
                {
                    "name": "triton",
                    "ports": [
                        {"name": "http", "containerPort": 8000},
                        {"name": "metrics", "containerPort": 8002},
                    ],
                },
                {"name": "sidecar"},
            ]
        },
        "status": {"podIP": "10.244.1.7", "phase": "Running"},
    }
    http, metrics = discover.targets([pod, {**pod, "status": {"phase": "Pending"}}])
    assert http["targets"] == ["10.244.1.7:8000"]
    assert metrics["targets"] == ["10.244.1.7:8002"]
    assert metrics["labels"] == {
        "__meta_kubernetes_namespace": "demo",
        "__meta_kubernetes_pod_name": "a-1",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_container_name": "triton",
        "__meta_kubernetes_pod_container_port_name": "metrics",
        "__meta_kubernetes_pod_label_modelservice_dev_name": "a",
        "__meta_kubernetes_pod_label_app_kubernetes_io_component": "serving",
    }


def test_every_relabelled_label_is_one_that_discovery_gives() -> None:
    pod = {
        "metadata": {
            "name": "a",
            "namespace": "b",
            "labels": {"modelservice.dev/name": "a", "app.kubernetes.io/name": "c"},
        }
    }
    given = set(discover.labels(pod, "c", "metrics"))
    for job in prometheus.scrape_config(5)["scrape_configs"]:
        for rule in job["relabel_configs"]:
            assert set(rule["source_labels"]) <= given


def deployment(generation: int, **status: int) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 2},
        "status": {"replicas": 2, **status},
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, False),
        (deployment(2, observedGeneration=2, updatedReplicas=2, availableReplicas=2), True),
        (deployment(2, observedGeneration=1, updatedReplicas=2, availableReplicas=2), False),
        (deployment(2, observedGeneration=2, updatedReplicas=1, availableReplicas=2), False),
        (deployment(2, observedGeneration=2, updatedReplicas=2, availableReplicas=1), False),
        (
            deployment(2, observedGeneration=2, updatedReplicas=2, availableReplicas=2, replicas=3),
            False,
        ),
    ],
    ids=["missing", "there", "not seen yet", "rolling", "not available", "old ones leave"],
)
def test_rolled_out(found: dict[str, Any] | None, expected: bool) -> None:  # noqa: FBT001
    assert is_rolled_out(found) is expected


def test_only_clusters_of_dead_test_sessions_are_swept() -> None:
    names = ["demo", "tests-12", "tests-34", "tests-x", "mytests-12"]
    assert abandoned(names, alive=[34, 99]) == ["tests-12"]


def test_a_namespace_is_a_label_that_names_its_test() -> None:
    name = namespace_name("test_a_very_long_name[with parameters]-of-what-is-promised", 123456, 7)
    assert name == "t7-456-a-very-long-name-with-parameters"
    assert len(name) <= 40
