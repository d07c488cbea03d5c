"""The cluster of the real runs: two nodes, Prometheus, the operator, and the emulated image."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_harness.access import Access, wait_for
from modelservice_harness.commands import CLUSTER_WANTED, prepare
from modelservice_harness.debian import Program
from modelservice_harness.errors import HarnessError
from modelservice_harness.images import ImageNames, image_map, write_image_map
from modelservice_harness.install import (
    Pace,
    install_operator,
    install_prometheus,
    operator_values,
)
from modelservice_harness.local import LocalCluster
from modelservice_harness.project import project_digest
from modelservice_harness.provision import Provisioned
from modelservice_harness.running import (
    Size,
    folders_of,
    image_names,
    local_cluster,
    remove_cluster,
    start_cluster,
)
from modelservice_harness.workshop import Workshop

from . import image
from .manifests import with_copied_gpus
from .setting import BASE_MS, COPIED_GPU, GPUS_PER_NODE, LOAD_SECONDS, NODES, ROW_MS

NAME = "bench-autoscaling"
#: As Prometheus is set up by most; the balancer's own settings stay at the chart's defaults.
SCRAPE_SECONDS = 15
_NODE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``prometheus``: its address inside the cluster; ``nft``: the program that filters there."""

    workshop: Workshop
    local: LocalCluster
    access: Access
    images: ImageNames
    prometheus: str
    nft: Program

    @property
    def say(self) -> Callable[[str], None]:
        """Prints one line."""
        return self.workshop.console.say

    def certificate(self) -> tuple[str, str]:
        """A certificate and its key, PEM: the API server's own, of a cluster that lasts an hour."""
        folder = self.local.home / self.local.name / "pki"
        certificate, key = (folder / f"kube-apiserver.{end}" for end in ("crt", "key"))
        return certificate.read_text(), key.read_text()


@contextmanager
def site(workshop: Workshop, work: Path) -> Iterator[Site]:
    """For one run; what an earlier one left of it is gone.

    Raises:
        HarnessError: it does not start.
    """
    provisioned = prepare(workshop, CLUSTER_WANTED)
    local = local_cluster(workshop, provisioned, NAME)
    local.down()
    workshop.console.say(f"cluster {NAME}: starting")
    try:
        yield _started(workshop, provisioned, work)
    finally:
        remove_cluster(workshop, local)
        workshop.console.say(f"cluster {NAME}: gone")


def _started(workshop: Workshop, provisioned: Provisioned, work: Path) -> Site:
    size = Size(nodes=NODES, gpus_per_node=GPUS_PER_NODE)
    local = start_cluster(workshop, provisioned, name=NAME, size=size)
    images, access = image_names(workshop.layout), local.access()
    _add_emulated(workshop, provisioned, images, work)
    for number in range(1, NODES + 1):
        _advertise(access, f"node-{number}")
    prometheus = install_prometheus(access, images, Pace(scrape_seconds=SCRAPE_SECONDS))
    install_operator(
        access,
        workshop.layout.repository,
        _values(images, prometheus),
        restart_key=project_digest(workshop.layout),
    )
    if provisioned.nft is None:
        raise HarnessError("nft was not provisioned")
    return Site(
        workshop=workshop, local=local, access=access, images=images, prometheus=prometheus,
        nft=provisioned.nft,
    )  # fmt: skip


def _add_emulated(
    workshop: Workshop, provisioned: Provisioned, images: ImageNames, work: Path
) -> None:
    project = provisioned.project
    if project is None:
        raise HarnessError("the project's wheel was not provisioned")
    folder = image.lay_out(project, work / "emulated")
    document = image.with_emulated(
        image_map(images, folders_of(provisioned)), images, project, folder,
        base_ms=BASE_MS, row_ms=ROW_MS, load_seconds=LOAD_SECONDS,
    )  # fmt: skip
    write_image_map(workshop.layout.image_maps, NAME, document)


def _values(images: ImageNames, prometheus: str) -> dict[str, Any]:
    """Chart values: the defaults, but for where things are."""
    values = operator_values(images, prometheus, Pace())
    del values["balancer"]
    (runtime,) = values["runtimes"]
    emulated = {
        "image": images.name(image.SERVING),
        "tunerImage": images.name(image.TUNER),
        "engines": ["onnxruntime"],
    }
    return {**values, "runtimes": [{**runtime, **emulated}]}


def _advertise(access: Access, node: str) -> None:
    wait_for(lambda: access.get("node", node), _NODE_SECONDS, f"node {node}")
    access.kubectl(
        "patch", "node", node, "--subresource=status", "--type=merge",
        "-p", json.dumps(with_copied_gpus()),
    )  # fmt: skip
    wait_for(
        lambda: _allocatable(access, node) == str(GPUS_PER_NODE),
        _NODE_SECONDS,
        f"{COPIED_GPU} on {node}",
    )


def _allocatable(access: Access, node: str) -> str:
    found = access.get("node", node) or {}
    many: str = found.get("status", {}).get("allocatable", {}).get(COPIED_GPU, "0")
    return many
