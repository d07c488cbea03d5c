"""One local cluster for all figures of a run that need one: started when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelservice_harness.access import Access
from modelservice_harness.commands import CLUSTER_WANTED, prepare
from modelservice_harness.images import ImageNames
from modelservice_harness.local import LocalCluster
from modelservice_harness.manifests import storage
from modelservice_harness.running import (
    Size,
    image_names,
    local_cluster,
    remove_cluster,
    start_cluster,
)
from modelservice_harness.workshop import Workshop

NAME = "bench-tuner"


@dataclass(slots=True, kw_only=True)
class Ground:
    """A cluster that nobody else uses."""

    workshop: Workshop
    _local: LocalCluster | None = field(default=None)

    @property
    def local(self) -> LocalCluster:
        """It, running; what an earlier run left of it is gone.

        Raises:
            HarnessError: it does not start.
        """
        if self._local is None:
            provisioned = prepare(self.workshop, CLUSTER_WANTED)
            self._local = local_cluster(self.workshop, provisioned, NAME)
            self._local.down()
            self.workshop.console.say(f"cluster {NAME}: starting")
            start_cluster(self.workshop, provisioned, name=NAME, size=Size())
        return self._local

    @property
    def access(self) -> Access:
        """To talk to it."""
        return self.local.access()

    @property
    def images(self) -> ImageNames:
        """That it has."""
        return image_names(self.workshop.layout)

    @contextmanager
    def namespace(self, name: str) -> Iterator[Access]:
        """One of its own, which goes afterwards with all that runs in it."""
        access = self.access
        access.apply(storage.namespace(name))
        try:
            yield access
        finally:
            access.kubectl("delete", "namespace", name, "--wait=false", check=False)

    def down(self) -> None:
        """Gone, if it was started."""
        if self._local is not None:
            remove_cluster(self.workshop, self._local)
            self.workshop.console.say(f"cluster {NAME}: gone")


@contextmanager
def ground(workshop: Workshop) -> Iterator[Ground]:
    """For one run."""
    found = Ground(workshop=workshop)
    try:
        yield found
    finally:
        found.down()
