"""A local cluster that runs with the images of this checkout."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import HarnessError
from .images import ImageFolders, ImageNames, image_map, write_image_map
from .interpreter import base_folder
from .layout import Layout
from .local import LocalCluster, cluster_environ
from .provision import Provisioned
from .workshop import Workshop

DEMO_CLUSTER = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Nodes, each with the machine's cores and memory, and the GPUs that each pretends to have."""

    nodes: int = 2
    gpus_per_node: int = 4


def image_names(layout: Layout, prefix: str = "") -> ImageNames:
    """The names of this checkout's images."""
    return ImageNames(version=layout.version(), prefix=prefix)


def start_cluster(
    workshop: Workshop, provisioned: Provisioned, *, name: str, size: Size
) -> LocalCluster:
    """Start (or find) the cluster ``name`` and give it the images of this checkout.

    Raises:
        HarnessError: something was not provisioned, or the cluster did not start.
    """
    cluster = local_cluster(workshop, provisioned, name)
    images = write_image_map(
        workshop.layout.image_maps,
        name,
        image_map(image_names(workshop.layout), folders_of(provisioned)),
    )
    cluster.up(nodes=size.nodes, gpus_per_node=size.gpus_per_node, images=images)
    return cluster


def remove_cluster(workshop: Workshop, cluster: LocalCluster) -> None:
    """Stop it, and remove the image map that ``start_cluster`` made for it."""
    cluster.down()
    (workshop.layout.image_maps / f"{cluster.name}.json").unlink(missing_ok=True)


def local_cluster(workshop: Workshop, provisioned: Provisioned, name: str) -> LocalCluster:
    """A handle on the cluster ``name``, whether it runs or not."""
    if provisioned.localcluster is None:
        raise HarnessError("the localcluster program was not provisioned")
    return LocalCluster(
        name=name,
        binary=provisioned.localcluster,
        home=workshop.layout.clusters,
        env=cluster_environ(workshop.layout, workshop.environ, provisioned.nft),
    )


def folders_of(provisioned: Provisioned) -> ImageFolders:
    """What the image map is made of.

    Raises:
        HarnessError: the project or Prometheus was not provisioned.
    """
    if provisioned.project is None or provisioned.prometheus is None:
        raise HarnessError("the images need the project's wheel and Prometheus")
    return ImageFolders(
        python=base_folder(),
        project=provisioned.project,
        environments=provisioned.environments,
        prometheus=provisioned.prometheus,
    )
