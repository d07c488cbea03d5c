"""A local cluster of its own with the operator as the chart installs it, gone afterwards."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_demo import example as examples
from modelservice_harness.access import Access
from modelservice_harness.errors import CommandFailed
from modelservice_harness.images import USER, ImageNames
from modelservice_harness.install import (
    Pace,
    install_operator,
    install_prometheus,
    operator_values,
    wait_for_deployment,
)
from modelservice_harness.manifests import prometheus, storage
from modelservice_harness.project import project_digest
from modelservice_harness.provision import Provisioned
from modelservice_harness.running import (
    Size,
    image_names,
    local_cluster,
    remove_cluster,
    start_cluster,
)
from modelservice_harness.upload import upload
from modelservice_harness.workshop import Workshop

CLUSTER = "bench"
NAMESPACE = "bench"
NAME = examples.NAME
_ARTIFACT_FOLDER = "/artifact"
_CLAIM_SIZE = "5Gi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The cluster and the example that is to be served in it."""

    workshop: Workshop
    access: Access
    images: ImageNames
    example: examples.Example

    def service(self) -> dict[str, Any]:
        """The ModelService; empty while it is not there."""
        return self.access.get("modelservice", NAME, namespace=NAMESPACE) or {}

    def pods(self) -> list[dict[str, Any]]:
        """Pods of its Jobs and of its Deployment."""
        found = self.access.get("pods", "-l", f"modelservice.dev/name={NAME}", namespace=NAMESPACE)
        items: list[dict[str, Any]] = (found or {}).get("items", [])
        return items

    def apply(self) -> None:
        """``kubectl apply`` of the example's manifest."""
        path = str(self.example.manifest)
        self.access.kubectl("apply", "-f", path, namespace=NAMESPACE)


@contextmanager
def site(workshop: Workshop, provisioned: Provisioned) -> Iterator[Site]:
    """Cluster, Prometheus, operator, and the example's source in its claim; nothing applied.

    The balancer's pace is that of the chart's defaults. What an earlier run left is removed.
    """
    local = local_cluster(workshop, provisioned, CLUSTER)
    local.down()
    try:
        workshop.console.say(f"cluster {CLUSTER}: starting")
        start_cluster(workshop, provisioned, name=CLUSTER, size=Size())
        made = Site(
            workshop=workshop,
            access=local.access(),
            images=image_names(workshop.layout),
            example=examples.prepare(
                workshop.layout.repository, workshop.layout.cache, provisioned.uv, workshop.environ
            ),
        )
        _install(made)
        _upload(made)
        yield made
    finally:
        remove_cluster(workshop, local)
        workshop.console.say(f"cluster {CLUSTER}: gone")


def _install(made: Site) -> None:
    made.workshop.console.say("installing Prometheus and the operator")
    layout, pace = made.workshop.layout, Pace()
    url = install_prometheus(made.access, made.images, pace)
    values = operator_values(made.images, url, pace)
    del values["balancer"]
    install_operator(made.access, layout.repository, values, restart_key=project_digest(layout))
    wait_for_deployment(made.access, prometheus.NAME, prometheus.NAMESPACE)


def _upload(made: Site) -> None:
    made.access.apply(storage.namespace(NAMESPACE))
    made.access.apply(storage.claim(NAMESPACE, storage_class="", size=_CLAIM_SIZE))
    made.workshop.console.say(f"uploading {NAME}")
    image = made.images.client
    for folder, source in examples.uploads(made.access, made.example).items():
        upload(made.access, NAMESPACE, source, folder, image=image, user=USER)


def copy_artifact(made: Site, target: Path) -> None:
    """What a replica serves, manifest and all, into the folder ``target``.

    Raises:
        CommandFailed: it cannot be read.
    """
    command = [
        *made.access.kubectl_command, "--namespace", NAMESPACE, "exec", f"deployment/{NAME}",
        "-c", "triton", "--", "tar", "-C", _ARTIFACT_FOLDER, "-cf", "-", ".",
    ]  # fmt: skip
    env = dict(made.access.env)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:  # noqa: S603 - kubectl
        if process.stdout is None:
            raise ValueError("the process was started without a pipe")
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            archive.extractall(target, filter="data")
    if process.returncode != 0:
        raise CommandFailed(f"the artifact of {NAME} cannot be copied out of its pod")
