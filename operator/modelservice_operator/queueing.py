"""One coalescing queue: a service is looked at by one worker at a time, soon after it changed.

Marking a service dirty while its worker is busy makes the worker look once more; marking it a
hundred times makes it look once. A failed look is repeated after 1, 2, 4 … 60 seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .api.service import ServiceKey

#: Looks one service's event storm together (20 applies in a second are one look or two).
COALESCE_SECONDS = 0.2
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 60.0

Reconcile = Callable[[ServiceKey], Awaitable[float | None]]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    task: asyncio.Task[None] | None = None


class ServiceQueue:
    """Workers by service; each ends when its ``reconcile`` says that the service is gone.

    ``reconcile`` returns the seconds until the next look, or None when the service is gone.
    """

    def __init__(self, reconcile: Reconcile, *, concurrency: int = 16) -> None:
        self._reconcile = reconcile
        self._slots = asyncio.Semaphore(concurrency)
        self._workers: dict[ServiceKey, _Worker] = {}

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def waiting(self) -> int:
        """Services that are dirty and not being looked at yet."""
        return sum(1 for worker in self._workers.values() if worker.dirty.is_set())

    def mark_dirty(self, key: ServiceKey) -> None:
        """Look at this service soon."""
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = _Worker()
            worker.task = asyncio.create_task(self._run(key, worker), name=f"reconcile {key}")
        worker.dirty.set()

    async def close(self) -> None:
        """Stop all workers; a look that is under way is cancelled."""
        tasks = [worker.task for worker in self._workers.values() if worker.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workers.clear()

    async def _run(self, key: ServiceKey, worker: _Worker) -> None:
        pause: float | None = None
        while True:
            await _wait(worker.dirty, pause)
            await asyncio.sleep(COALESCE_SECONDS)
            worker.dirty.clear()
            pause = await self._look(key, worker)
            if pause is None and not worker.dirty.is_set():
                del self._workers[key]
                return

    async def _look(self, key: ServiceKey, worker: _Worker) -> float | None:
        try:
            async with self._slots:
                pause: float | None = await self._reconcile(key)
        except Exception as error:  # one service's failure may not end its worker
            worker.failures += 1
            pause = min(FIRST_RETRY_SECONDS * 2 ** (worker.failures - 1), LAST_RETRY_SECONDS)
            logger.warning(
                "Reconcile failed, next look in %.0f s: %s",
                pause,
                error,
                exc_info=worker.failures == 1,
                extra={"namespace": key.namespace, "service": key.name},
            )
            return pause
        worker.failures = 0
        return pause


async def _wait(dirty: asyncio.Event, seconds: float | None) -> None:
    try:
        await asyncio.wait_for(dirty.wait(), timeout=seconds)
    except TimeoutError:
        return
