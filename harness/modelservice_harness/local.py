"""The local cluster: up, down, status; every call names the cluster, none reads a KUBECONFIG."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .access import Access
from .debian import Program
from .errors import CommandFailed
from .layout import Layout
from .processes import capture, tail

HOME_VARIABLE = "LOCALCLUSTER_HOME"
PATH_VARIABLE = "LOCALCLUSTER_PATH"
LIBRARY_VARIABLE = "LOCALCLUSTER_LIBRARY_PATH"
_UP_SECONDS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """One named cluster on this machine. ``home``: where all clusters' state lies."""

    name: str
    binary: Path
    home: Path
    env: Mapping[str, str]

    def up(self, *, nodes: int, gpus_per_node: int, images: Path) -> None:
        """Start it; a cluster that runs already stays and takes the new image map.

        Raises:
            CommandFailed: it did not start; the message holds its own words.
        """
        self._call(
            "up", "--name", self.name, "--nodes", str(nodes),
            "--gpus-per-node", str(gpus_per_node), "--images", str(images), timeout=_UP_SECONDS,
        )  # fmt: skip

    def down(self) -> None:
        """Stop it and remove its state; not there is fine."""
        self._call("down", "--name", self.name, timeout=60)

    def status(self) -> dict[str, Any]:
        """What the program says about this cluster (empty if it does not exist)."""
        text = self._call("status", "--name", self.name, "-o", "json", timeout=30)
        document: dict[str, Any] = json.loads(text or "{}")
        return document

    def forward(self, address: str) -> str:
        """``127.0.0.1:PORT`` on this machine for ``IP:PORT`` inside the cluster's network."""
        return self._call("forward", "--name", self.name, address, timeout=30).strip()

    def node(self, action: str, node: str) -> None:
        """``stop`` or ``start`` a node, as if it lost its power."""
        self._call("node", action, node, "--name", self.name, timeout=60)

    def inside(self, *command: str) -> str:
        """What a program of this machine says inside the cluster's network.

        Raises:
            CommandFailed: it failed.
        """
        return self._call("nsenter", "--name", self.name, "--", *command, timeout=30)

    def logs(self) -> str:
        """The ends of the logs of all components, for a report of a failure."""
        files = sorted((self.home / self.name / "logs").glob("*.log"))
        return "\n".join(f"--- {file.stem} ---\n{tail(file)}" for file in files)

    def access(self) -> Access:
        """Kubectl and helm of this cluster, both inside the program."""
        binary = str(self.binary)
        return Access(
            name=self.name,
            kubectl_command=(binary, "kubectl", "--name", self.name, "--"),
            helm_command=(binary, "helm", "--name", self.name, "--"),
            env=self.env,
        )

    def _call(self, *args: str, timeout: float) -> str:
        return capture([str(self.binary), *args], env=self.env, timeout=timeout)


def cluster_environ(
    layout: Layout, environ: Mapping[str, str], nft: Program | None
) -> dict[str, str]:
    """Variables for every call of the program: where its state lies, and where nft is."""
    variables = {**environ, HOME_VARIABLE: str(layout.clusters)}
    if nft is not None:
        variables[PATH_VARIABLE] = str(nft.path.parent)
        if nft.libraries:
            variables[LIBRARY_VARIABLE] = ":".join(str(folder) for folder in nft.libraries)
    return variables


def all_down(layout: Layout, binary: Path, env: Mapping[str, str]) -> None:
    """Stop every cluster of this project and remove what is left of them.

    Raises:
        CommandFailed: one could not be stopped.
    """
    capture([str(binary), "down", "--all"], env=env, timeout=120)
    leftovers = [path.name for path in layout.clusters.glob("*") if path.is_dir()]
    if leftovers:
        raise CommandFailed(f"{layout.clusters}: still there after down: {', '.join(leftovers)}")
