"""A slow look at everything, for what a silent watch stream has not told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from .api.errors import UnavailableError
from .api.service import ServiceKey
from .ports import ClusterPort

logger = logging.getLogger(__name__)


async def resync_forever(
    cluster: ClusterPort,
    *,
    namespaces: tuple[str, ...],
    interval_seconds: float,
    mark_dirty: Callable[[ServiceKey], None],
    beat: Callable[[], None],
) -> None:
    """Mark every ModelService dirty now and then. Ends only by cancellation."""
    while True:
        try:
            for key in await cluster.list_services(namespaces):
                mark_dirty(key)
        except UnavailableError as error:
            logger.warning("Listing the ModelServices failed: %s", error)
        beat()
        await asyncio.sleep(interval_seconds)
