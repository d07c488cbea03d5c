"""``DEMO_CLUSTER=current``: the demo on the cluster of the user's own kubectl context.

Tried against a second local cluster, started apart, which the demo knows only as a kubeconfig.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelservice_harness.install import install_prometheus
from modelservice_harness.local import LocalCluster
from modelservice_harness.testing import TEST_PACE

DEMO_SECONDS = 600


@pytest.fixture(scope="module")
def tools(bare_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kubectl and helm, which here are in one program with the cluster."""
    folder = tmp_path_factory.mktemp("tools")
    binary = bare_cluster.provisioned.localcluster
    for tool in ("kubectl", "helm"):
        script = folder / tool
        script.write_text(f'#!/bin/sh\nexec {binary} embedded-{tool} "$@"\n')
        script.chmod(0o755)
    return folder


def demo(
    cluster: Any, spare_cluster: LocalCluster, tools: Path, *, answer: str, **variables: str
) -> Any:
    """Run the demo as `make demo` does, from the installation to the picture."""
    environ = {
        **cluster.workshop.environ,
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PATH": f"{tools}:{cluster.workshop.environ['PATH']}",
        "KUBECONFIG": str(spare_cluster.home / spare_cluster.name / "kubeconfig"),
        "DEMO_CLUSTER": "current",
        "DEMO_BACKEND": "python",
        **variables,
    }
    command = [sys.executable, "-m", "modelservice_demo", "--out", str(tools / "out")]
    return subprocess.run(
        command, env=environ, input=answer, text=True, capture_output=True,
        check=False, timeout=DEMO_SECONDS,
    )  # fmt: skip


def test_it_names_the_cluster_and_what_it_needs_and_a_no_changes_nothing(
    bare_cluster: Any, spare_cluster: LocalCluster, tools: Path
) -> None:
    done = demo(bare_cluster, spare_cluster, tools, answer="no\n")
    assert done.returncode == 1
    for words in (
        spare_cluster.name,
        "127.0.0.1",
        "modelservice-builder",
        "StorageClass",
        "Prometheus",
    ):
        assert words in done.stdout
    assert "nothing was changed" in done.stdout
    namespaces = spare_cluster.access().get("namespaces") or {}
    assert "modelservice-system" not in [i["metadata"]["name"] for i in namespaces["items"]]


def test_after_a_yes_it_serves_there_and_replicas_follow_the_load(
    bare_cluster: Any, spare_cluster: LocalCluster, tools: Path
) -> None:
    url = install_prometheus(spare_cluster.access(), bare_cluster.images, TEST_PACE)
    done = demo(bare_cluster, spare_cluster, tools, answer="y\n", DEMO_PROMETHEUS_URL=url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "How do I reset my password?" in done.stdout
    assert "Replicas: 1 → 2 → 1" in done.stdout or "Replicas: 1 → 3 → 1" in done.stdout
    assert "requests failed: 0" in done.stdout
    page = (tools / "out" / "report.html").read_text()
    assert "Load, capacity and replicas" in page
    assert "http://" not in page.replace("http://www.w3.org/", "").replace(url, "")
    assert "kubectl get msvc -n demo -o wide" in done.stdout


def test_a_kubeconfig_that_happens_to_be_set_is_left_alone(bare_cluster: Any) -> None:
    """Without DEMO_CLUSTER=current no variable leads anywhere but to the local cluster."""
    assert "KUBECONFIG" not in bare_cluster.workshop.environ
