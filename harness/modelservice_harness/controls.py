"""Handles by which tests disturb what runs in the cluster: Prometheus, metrics, the operator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .access import Access
from .debian import Program
from .install import OPERATOR_NAMESPACE, RELEASE, wait_for_deployment
from .local import LocalCluster
from .manifests import prometheus as manifests

_METRICS_PORT = 8002
_TABLE = "inet blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """The Prometheus of the cluster. ``url``: as pods reach it."""

    access: Access
    url: str

    def scale(self, replicas: int) -> None:
        """0 stops it, 1 starts it (without its data); returns when it is so.

        Raises:
            WaitTimeout: it did not become so within 60 s.
        """
        name, space = manifests.NAME, manifests.NAMESPACE
        self.access.kubectl("scale", "deployment", name, f"--replicas={replicas}", namespace=space)
        wait_for_deployment(self.access, name, space, seconds=60)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result vector of an instant query, through the API server's proxy.

        Raises:
            CommandFailed: it does not answer.
        """
        service = f"/api/v1/namespaces/{manifests.NAMESPACE}/services/{manifests.NAME}"
        path = f"{service}:{manifests.PORT}/proxy/api/v1/query?query={quote(expression, safe='')}"
        done = self.access.kubectl("get", "--raw", path)
        found: list[dict[str, Any]] = json.loads(done.stdout)["data"]["result"]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaMetrics:
    """The way to the metrics of all replicas of a local cluster, a filter of ``nft`` on it."""

    local: LocalCluster
    nft: Program

    def block(self) -> None:
        """Nobody gets through: neither Prometheus nor the operator."""
        chain = f"{_TABLE} metrics"
        hook = "{ type filter hook forward priority -5 ; policy accept ; }"
        rule = f"tcp dport {_METRICS_PORT} drop"
        self._nft(f"add table {_TABLE} ; add chain {chain} {hook} ; add rule {chain} {rule}")

    def unblock(self) -> None:
        """Everybody does; not blocked is fine."""
        self._nft(f"add table {_TABLE} ; delete table {_TABLE}")

    def _nft(self, words: str) -> None:
        libraries = ":".join(str(folder) for folder in self.nft.libraries)
        variables = ["env", f"LD_LIBRARY_PATH={libraries}"] if libraries else []
        self.local.inside(*variables, str(self.nft.path), words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The operator's Deployment and its one pod."""

    access: Access
    namespace: str = OPERATOR_NAMESPACE
    deployment: str = RELEASE

    def pod(self) -> str:
        """The name of its running pod.

        Raises:
            LookupError: there is none at this moment.
        """
        pods = self.access.get(
            "pods",
            "-l",
            "app.kubernetes.io/name=modelservice-operator",
            "--field-selector=status.phase=Running",
            namespace=self.namespace,
        )
        for item in (pods or {}).get("items", []):
            if "deletionTimestamp" not in item["metadata"]:
                return str(item["metadata"]["name"])
        raise LookupError(f"no pod of {self.deployment} runs in {self.namespace}")

    def kill(self) -> None:
        """Delete its pod at once, without grace; the Deployment makes another."""
        self.access.kubectl(
            "delete", "pod", self.pod(), "--grace-period=0", "--force", namespace=self.namespace
        )

    def logs(self) -> str:
        """The log of its present pod, whole."""
        return self.access.kubectl(
            "logs", f"deployment/{self.deployment}", "--tail=-1", namespace=self.namespace
        ).stdout

    def wait_until_available(self) -> None:
        """Until the Deployment is rolled out.

        Raises:
            WaitTimeout: it did not come back.
        """
        wait_for_deployment(self.access, self.deployment, self.namespace)
