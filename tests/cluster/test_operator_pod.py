"""The operator as the chart installs it: its pod, its health, its own figures."""

from __future__ import annotations

import urllib.request
from typing import Any

from modelservice_harness.access import Access
from modelservice_harness.controls import Operator
from modelservice_harness.install import OPERATOR_NAMESPACE, RELEASE

HEALTH, METRICS = 8080, 9090


def read(cluster: Any, port: int, path: str) -> str:
    """What the operator's Service answers."""
    access: Access = cluster.access
    service = access.get("service", RELEASE, namespace=OPERATOR_NAMESPACE) or {}
    address = cluster.local.forward(f"{service['spec']['clusterIP']}:{port}")
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def test_helm_test_passes(cluster: Any) -> None:
    done = cluster.access.helm("test", RELEASE, "--namespace", OPERATOR_NAMESPACE)
    assert "Succeeded" in done.stdout


def test_it_runs_unprivileged_under_its_charts_service_account(
    cluster: Any, operator: Operator
) -> None:
    pod = cluster.access.get("pod", operator.pod(), namespace=OPERATOR_NAMESPACE) or {}
    assert pod["spec"]["serviceAccountName"] == RELEASE
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_its_health_and_its_figures_can_be_read(cluster: Any) -> None:
    assert read(cluster, HEALTH, "/healthz") == "ok"
    assert "modelservice_reconcile_total" in read(cluster, METRICS, "/metrics")


def test_installing_it_again_changes_nothing(cluster: Any, operator: Operator) -> None:
    """As GitOps tools do, again and again."""
    before = operator.pod()
    cluster.install()
    operator.wait_until_available()
    assert operator.pod() == before
