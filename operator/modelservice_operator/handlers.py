"""kopf's handlers: they mark a service dirty and nothing else.

Only ``on.event`` is used: it stores nothing on the objects and sets no finalizer; what is left
to clean up goes with the owner references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import kopf

from .api import names
from .api.service import ServiceKey

MarkDirty = Callable[[ServiceKey], None]
Beat = Callable[[], None]


def register(registry: kopf.OperatorRegistry, mark_dirty: MarkDirty, beat: Beat) -> None:
    """Put the handlers into ``registry``. ``beat`` is called for every event that arrives."""

    async def on_service(*, name: str, namespace: str | None, **_: object) -> None:
        beat()
        mark_dirty(ServiceKey(namespace or "", name))

    async def on_child(*, labels: Mapping[str, str], namespace: str | None, **_: object) -> None:
        beat()
        mark_dirty(ServiceKey(namespace or "", labels[names.NAME_LABEL]))

    api = (names.GROUP, names.VERSION, names.PLURAL)
    kopf.on.event(*api, id="modelservice", registry=registry)(on_service)
    ours: dict[str, Any] = {
        names.NAME_LABEL: kopf.PRESENT,
        "app.kubernetes.io/managed-by": names.MANAGER,
    }
    for group, plural in (("apps", "deployments"), ("batch", "jobs"), ("", "pods")):
        child = kopf.on.event(
            group, "v1", plural, id=f"child-{plural}", labels=ours, registry=registry
        )
        child(on_child)


def configure(settings: kopf.OperatorSettings) -> None:
    """Settings of kopf itself: our prefix, short watches, no events and no peering of its own."""
    settings.persistence.finalizer = names.FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=names.PREFIX)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=names.PREFIX)
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.watching.server_timeout = 600
    settings.watching.connect_timeout = 10
