"""Fixtures of the tests on a real Kubernetes.

One local cluster per process of the session (two nodes with four GPUs each), with Prometheus and
the operator, installed by Helm as a pod; the tests of one file run in one process, two files side
by side, the longest first. One fresh namespace per test, which enforces the Pod
Security Standard ``restricted`` and has the claim ``models``. A failed test shows the objects,
events and logs of its namespace and of the operator.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from operator_rights import rights

from modelservice_harness import access as harness_access
from modelservice_harness import testing
from modelservice_harness.access import Access, Done
from modelservice_harness.commands import open_workshop, prepare
from modelservice_harness.controls import Operator, Prometheus, ReplicaMetrics
from modelservice_harness.environments import CLIENT_ENVIRONMENT
from modelservice_harness.images import USER, ImageNames
from modelservice_harness.install import (
    install_operator,
    install_prometheus,
    operator_values,
    wait_for_deployment,
)
from modelservice_harness.local import LocalCluster
from modelservice_harness.manifests import prometheus as prometheus_manifests
from modelservice_harness.manifests import storage
from modelservice_harness.project import project_digest
from modelservice_harness.provision import Provisioned
from modelservice_harness.running import (
    Size,
    image_names,
    local_cluster,
    remove_cluster,
    start_cluster,
)
from modelservice_harness.suites import RIGHTS_FOLDER, wanted_for
from modelservice_harness.upload import upload
from modelservice_harness.workshop import Workshop

#: The longest first, so that two processes end at about the same time; the others after them.
LONGEST = (
    "test_spine.py",
    "test_demo_elsewhere.py",
    "test_retuning.py",
    "test_examples.py",
    "test_bad_services.py",
    "test_s3_store.py",
    "test_sharing.py",
    "test_shared_build_job.py",
)
#: A cluster test may wait for pods; one that hangs is cut off after this.
TIMEOUT_SECONDS = 900
_NUMBERS = itertools.count(1)

TINY_MODEL = textwrap.dedent(
    '''
    """A two-layer perceptron: small enough that a build takes seconds."""

    import torch
    from torch import nn


    def load():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        return model.eval(), {"input": torch.randn(4, 8)}
    '''
).lstrip()
TINY_FILES = {"tiny.py": TINY_MODEL}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the cluster, more time than a unit test, and long files go first."""
    items.sort(key=lambda item: _place(item.path.name))
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        item.add_marker(pytest.mark.cluster)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


def _place(file: str) -> int:
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add what explains a failure to the report, while the namespace still exists."""
    outcome: Any = yield
    report = outcome.get_result()
    funcargs = getattr(item, "funcargs", {})
    if report.failed and report.when == "call" and "namespace" in funcargs:
        session: ClusterSession = funcargs["cluster"]
        text = testing.dump(session.access, funcargs["namespace"])
        report.sections.append(("cluster", text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSession:
    """The shared cluster and what was installed in it."""

    workshop: Workshop
    provisioned: Provisioned
    local: LocalCluster
    access: Access
    images: ImageNames
    prometheus_url: str

    @property
    def client_python(self) -> str:
        """The interpreter in which the examples' clients run."""
        return str(self.provisioned.environments[CLIENT_ENVIRONMENT.name] / "bin" / "python")

    def install(self, **values: Any) -> None:
        """Install the operator again, with chart values laid over those of the session."""
        base = operator_values(self.images, self.prometheus_url, testing.TEST_PACE)
        install_operator(
            self.access,
            self.workshop.layout.repository,
            {**base, **values},
            restart_key=project_digest(self.workshop.layout),
        )


@pytest.fixture(scope="session")
def bare_cluster() -> Iterator[ClusterSession]:
    """The local cluster with Prometheus, without the operator."""
    workshop = open_workshop(os.environ)
    provisioned = prepare(workshop, wanted_for(("cluster",)))
    _sweep(workshop, provisioned)
    name = testing.cluster_name(os.getpid())
    local = local_cluster(workshop, provisioned, name)
    try:
        start_cluster(workshop, provisioned, name=name, size=Size(nodes=2, gpus_per_node=4))
        images = image_names(workshop.layout)
        access = local.access()
        url = install_prometheus(access, images, testing.TEST_PACE)
        yield ClusterSession(
            workshop=workshop,
            provisioned=provisioned,
            local=local,
            access=access,
            images=images,
            prometheus_url=url,
        )
    finally:
        remove_cluster(workshop, local)


def _sweep(workshop: Workshop, provisioned: Provisioned) -> None:
    """Take down what a test session left that was killed."""
    names = testing.cluster_folders(workshop.layout)
    for name in testing.abandoned(names, testing.living_processes()):
        local_cluster(workshop, provisioned, name).down()


@pytest.fixture(scope="session")
def spare_cluster(bare_cluster: ClusterSession) -> Iterator[LocalCluster]:
    """A second cluster beside the shared one, empty, for tests that disturb a cluster itself."""
    workshop, provisioned = bare_cluster.workshop, bare_cluster.provisioned
    name = f"{testing.cluster_name(os.getpid())}-spare"
    local = start_cluster(workshop, provisioned, name=name, size=Size(nodes=2, gpus_per_node=0))
    yield local
    remove_cluster(workshop, local)


@pytest.fixture(scope="session")
def cluster(bare_cluster: ClusterSession) -> Iterator[ClusterSession]:
    """The local cluster with Prometheus and the operator, both ready.

    Leaves what the operator has asked for where the tests of its rights read it.
    """
    bare_cluster.install()
    wait_for_deployment(
        bare_cluster.access, prometheus_manifests.NAME, prometheus_manifests.NAMESPACE
    )
    yield bare_cluster
    folder = bare_cluster.workshop.layout.logs / RIGHTS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    found = rights(bare_cluster.access, bare_cluster.local)
    (folder / f"{bare_cluster.local.name}.json").write_text(json.dumps(found, indent=1))


@pytest.fixture(scope="session")
def kubectl(cluster: ClusterSession) -> Callable[..., Done]:
    """``kubectl(*args, stdin=None, namespace=None, check=True)``."""
    return cluster.access.kubectl


@pytest.fixture(scope="session")
def helm(cluster: ClusterSession) -> Callable[..., Done]:
    """``helm(*args, check=True)``."""
    return cluster.access.helm


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The official client, as the cluster's administrator."""

    core: Any
    apps: Any
    batch: Any
    custom: Any
    dynamic: Any


@pytest.fixture(scope="session")
def api(cluster: ClusterSession) -> Iterator[Api]:
    """Typed clients and the dynamic one on one connection pool."""
    kubeconfig = str(cluster.local.home / cluster.local.name / "kubeconfig")
    client = kubernetes.config.new_client_from_config(config_file=kubeconfig)
    from kubernetes import dynamic  # noqa: PLC0415 - slow to import, needed here only

    try:
        yield Api(
            core=kubernetes.client.CoreV1Api(client),
            apps=kubernetes.client.AppsV1Api(client),
            batch=kubernetes.client.BatchV1Api(client),
            custom=kubernetes.client.CustomObjectsApi(client),
            dynamic=dynamic.DynamicClient(client),
        )
    finally:
        client.close()


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """``wait_for(predicate, deadline_seconds, what, state=None)``: polls, returns the value.

    A time-out raises with the last value, or with what ``state()`` says.
    """
    return harness_access.wait_for


@pytest.fixture
def namespace(cluster: ClusterSession, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace with the claim ``models``; deleted afterwards without waiting."""
    name = testing.namespace_name(request.node.name, os.getpid(), next(_NUMBERS))
    make_namespace(cluster.access, name)
    yield name
    cluster.access.kubectl("delete", "namespace", name, "--wait=false", check=False)


def make_namespace(access: Access, name: str) -> None:
    """Namespace, claim, and the default service account that pods need."""
    access.apply(storage.namespace(name))
    access.apply(storage.claim(name, storage_class="", size="1Gi"))
    harness_access.wait_for(
        lambda: access.get("serviceaccount", "default", namespace=name),
        30,
        f"the default service account of {name}",
    )


@pytest.fixture(scope="session")
def tiny_namespace(
    cluster: ClusterSession, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """``tiny_namespace(name, files)``: a namespace for several tests, with a model uploaded.

    ``files`` (name → text; the tiny model if left out) lie at ``pvc://models/sources/tiny``;
    the namespace is the caller's to delete.
    """

    def make(name: str, files: Mapping[str, str] = TINY_FILES) -> str:
        make_namespace(cluster.access, name)
        folder = tmp_path_factory.mktemp(name) / "tiny"
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
        image = cluster.images.client
        upload(cluster.access, name, folder, "sources/tiny", image=image, user=USER)
        return name

    return make


@pytest.fixture
def source(
    cluster: ClusterSession, namespace: str, tmp_path: Path
) -> Callable[[Mapping[str, str], str], str]:
    """``source({file: text}, name)`` uploads a folder into the claim and returns its address."""

    def put(files: Mapping[str, str], name: str = "model") -> str:
        folder = tmp_path / f"source-{name}"
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return upload(
            cluster.access,
            namespace,
            folder,
            f"sources/{name}",
            image=cluster.images.client,
            user=USER,
        )

    return put


@pytest.fixture
def tiny_source(source: Callable[[Mapping[str, str], str], str]) -> Callable[..., str]:
    """``tiny_source(namespace=None, name="tiny")``: a model that builds within seconds.

    Its entrypoint is ``tiny:load``, its input float32 [n, 8], its output float32 [n, 4].
    """

    def put(_namespace: str | None = None, name: str = "tiny") -> str:
        return source(TINY_FILES, name)

    return put


@pytest.fixture
def modelservice(namespace: str) -> Callable[..., dict[str, Any]]:
    """``modelservice(name, uri, **spec)``: a manifest; ``spec`` is laid over the defaults."""

    def make(
        name: str = "tiny",
        uri: str = "pvc://models/sources/tiny",
        entrypoint: str = "tiny:load",
        **spec: Any,
    ) -> dict[str, Any]:
        document: dict[str, Any] = {
            "apiVersion": "modelservice.dev/v1alpha1",
            "kind": "ModelService",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "model": {"source": {"pytorch": {"uri": uri, "entrypoint": entrypoint}}},
                "optimization": {"maxDurationSeconds": 600},
                "serving": {
                    "latencyObjective": {"percentile": "99", "milliseconds": 200},
                    "maxBatchSize": 4,
                    "maxTuningDurationSeconds": 120,
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "256Mi"},
                        "limits": {"cpu": "1", "memory": "1Gi"},
                    },
                },
                "scaling": {"minReplicas": 1, "maxReplicas": 3},
            },
        }
        return merged(document, {"spec": spec})

    return make


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``: objects merged, anything else replaced."""
    result = copy.deepcopy(dict(base))
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


@pytest.fixture
def prometheus(cluster: ClusterSession) -> Iterator[Prometheus]:
    """Prometheus; a test that stopped it finds it started again afterwards."""
    control = Prometheus(access=cluster.access, url=cluster.prometheus_url)
    yield control
    control.scale(1)


@pytest.fixture
def replica_metrics(cluster: ClusterSession) -> Iterator[ReplicaMetrics]:
    """The replicas' metrics; a test that blocked them finds them open again afterwards."""
    nft = cluster.provisioned.nft
    assert nft is not None
    control = ReplicaMetrics(local=cluster.local, nft=nft)
    yield control
    control.unblock()


@pytest.fixture
def operator(cluster: ClusterSession) -> Iterator[Operator]:
    """The operator; a test that killed it finds it available again afterwards."""
    control = Operator(access=cluster.access)
    yield control
    control.wait_until_available()
