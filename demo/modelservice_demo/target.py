"""The cluster that the story is told on: our own local one, or the one the user asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelservice_harness.access import Access
from modelservice_harness.commands import CLUSTER_WANTED, prepare
from modelservice_harness.errors import HarnessError
from modelservice_harness.images import USER, ImageNames
from modelservice_harness.install import Pace, install_prometheus, operator_values
from modelservice_harness.project import project_digest
from modelservice_harness.running import DEMO_CLUSTER, Size, image_names, start_cluster
from modelservice_harness.workshop import Workshop

from .settings import CURRENT, Settings, image_prefix

_NEEDS = """What it needs there:
  - images {images}
    (built from the Dockerfile and pushed; DEMO_IMAGES=registry/path chooses where from)
  - a StorageClass for a claim of 5Gi: {storage}
  - a Prometheus that scrapes the ports named "metrics" of the pods labelled modelservice.dev/name,
    with the labels namespace, pod and modelservice: {prometheus}
  - the right to install cluster roles, a CRD and the namespaces modelservice-system and demo
It uses kubectl and helm from your PATH, and removes nothing at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the story happens. ``prometheus``: installs one if needed and gives its address."""

    access: Access
    images: ImageNames
    user: int
    storage_class: str
    backend: str
    prometheus: Callable[[], str]
    restart_key: str
    kubectl_hint: str
    installs_prometheus: bool
    helm_values: Callable[[str], dict[str, object]]


def local_target(workshop: Workshop) -> Target:
    """Get what is missing, start the local cluster (or find it) and describe it."""
    provisioned = prepare(workshop, CLUSTER_WANTED)
    cluster = start_cluster(workshop, provisioned, name=DEMO_CLUSTER, size=Size())
    workshop.console.say(f"local cluster {DEMO_CLUSTER}: up")
    access, images, pace = cluster.access(), image_names(workshop.layout), Pace()
    return Target(
        access=access,
        images=images,
        user=USER,
        storage_class="",
        backend="python",
        prometheus=lambda: install_prometheus(access, images, pace),
        restart_key=project_digest(workshop.layout),
        kubectl_hint="make kubectl ARGS='{args}'",
        installs_prometheus=True,
        helm_values=lambda url: operator_values(images, url, pace, backend="python"),
    )


def current_target(
    workshop: Workshop, settings: Settings, environ: Mapping[str, str], ask: Callable[[str], str]
) -> Target:
    """The cluster of the user's current context, after naming it and asking.

    Raises:
        HarnessError: kubectl or helm is missing, there is no context, or the answer was not yes.
    """
    path = environ.get("PATH")
    missing = [name for name in ("kubectl", "helm") if shutil.which(name, path=path) is None]
    if missing:
        raise HarnessError(f"DEMO_CLUSTER={CURRENT} needs {' and '.join(missing)} on your PATH")
    access = Access(
        name=CURRENT, kubectl_command=("kubectl",), helm_command=("helm",), env=dict(environ)
    )
    images = image_names(workshop.layout, image_prefix(settings.images))
    workshop.console.raw(_introduction(access, images, settings))
    if not settings.agreed and ask("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise HarnessError("nothing was changed")
    pace = Pace()
    return Target(
        access=access,
        images=images,
        user=USER,
        storage_class=settings.storage_class,
        backend=settings.backend,
        prometheus=lambda: settings.prometheus_url,
        restart_key=project_digest(workshop.layout),
        kubectl_hint="kubectl {args}",
        installs_prometheus=False,
        helm_values=lambda url: operator_values(images, url, pace, backend=settings.backend),
    )


def _introduction(access: Access, images: ImageNames, settings: Settings) -> str:
    context = access.kubectl("config", "current-context").stdout.strip()
    server = access.kubectl(
        "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"
    ).stdout.strip()
    names = ", ".join(
        images.name(f"modelservice-{part}") for part in ("operator", "builder", "serving", "tuner")
    )
    needs = _NEEDS.format(
        images=names,
        storage=settings.storage_class or "the default one (DEMO_STORAGE_CLASS chooses)",
        prometheus=settings.prometheus_url
        or "none was named (DEMO_PROMETHEUS_URL); replicas will then stay as they are",
    )
    return f"This uses the cluster of your current context: {context} ({server}).\n{needs}"
