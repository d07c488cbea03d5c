"""What the balancer knows of a service: in memory, and in a ConfigMap that outlives the operator.

Written when a process that begins with it would else decide otherwise, at most once a minute for
each service, and when the operator ends. That a write fails stops nothing: it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .api import names
from .api.errors import UnavailableError
from .api.service import ServiceKey
from .fleet import ServiceView
from .load.remembered import outdates, remembered_text, restore
from .load.replicas import BalancerState
from .manifests.balancer_state import balancer_state_config_map
from .ports import AppliesPort

#: Between two writes for one service; and what is merely older is written after so long.
LEAST_SECONDS, MOST_SECONDS = 60.0, 600.0
#: Many services are not written in one round, but in several.
WRITES_A_ROUND = 20
#: So many at once, when the operator ends, within so many seconds.
SIDE_BY_SIDE, END_SECONDS = 16, 10.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Memory:
    """``replicas``: as the round at ``at`` has left them, infinitely long ago for none yet.

    ``written``: what the ConfigMap holds; None for what has to be replaced. ``looked_at``: when it
    was last written, or found not worth it.
    """

    view: ServiceView
    state: BalancerState
    at: float
    replicas: int | None = None
    written: BalancerState | None = None
    written_at: float = -math.inf
    looked_at: float = -math.inf

    @property
    def is_taken(self) -> bool:
        """Whether a round of this process has made it what it is."""
        return math.isfinite(self.at)

    def look(self, now: float) -> bool:
        """Whether it is to be written now; to find that out costs a sort, so it is asked rarely."""
        if not self.is_taken or 0 <= now - self.looked_at < LEAST_SECONDS:
            return False
        if self.state == self.written:
            return False
        if self.written is None or not now - self.written_at < MOST_SECONDS:
            return True
        if outdates(self.state, self.written):
            return True
        self.looked_at = now
        return False


class BalancerMemory:
    """The states of all services. ``soon_seconds``: a break no longer than this is none."""

    def __init__(self, objects: AppliesPort, *, soon_seconds: float) -> None:
        self._objects = objects
        self._soon_seconds = soon_seconds
        self._memories: dict[ServiceKey, _Memory] = {}

    def states(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> dict[ServiceKey, BalancerState]:
        """Of each service; what an earlier process has kept, of one that is new to this one."""
        for gone in set(self._memories) - set(views):
            del self._memories[gone]
        for key, view in views.items():
            known = self._memories.get(key)
            if known is None or known.view.uid != view.uid:
                self._memories[key] = self._recalled(view, now)
        return {key: memory.state for key, memory in self._memories.items()}

    def take(
        self, view: ServiceView, state: BalancerState, replicas: int | None, now: float
    ) -> None:
        """What the round at ``now`` has made of it; ``replicas``: what the Deployment has now."""
        memory = self._memories[view.key]
        memory.view, memory.state, memory.at, memory.replicas = view, state, now, replicas

    async def write_due(self, now: float) -> None:
        """Write some of those that are due, the longest unwritten first."""
        due = sorted(
            (memory for memory in self._memories.values() if memory.look(now)),
            key=lambda memory: memory.looked_at,
        )
        await self._write_all(due[:WRITES_A_ROUND], now, ended=False)

    async def end(self) -> None:
        """Write all: the next process goes on as if there had been no break."""
        memories = [memory for memory in self._memories.values() if memory.is_taken]
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._write_all(memories, math.inf, ended=True)
        except TimeoutError:
            logger.warning("What the balancer has learned could not be written in time")

    def _recalled(self, view: ServiceView, now: float) -> _Memory:
        found = restore(view.remembered, view, now=now, soon_seconds=self._soon_seconds)
        if found.trouble:
            extra = {"namespace": view.key.namespace, "service": view.key.name}
            words = "What the balancer had learned is not used: %s; the replicas are held at first"
            logger.warning(words, found.trouble, extra=extra)
        # A text of an ending may not be found again by whoever begins after a crash.
        written = None if view.remembered else BalancerState()
        return _Memory(view=view, state=found.state, at=-math.inf, written=written)

    async def _write_all(self, memories: Iterable[_Memory], now: float, *, ended: bool) -> None:
        limit = asyncio.Semaphore(SIDE_BY_SIDE)

        async def write(memory: _Memory) -> None:
            async with limit:
                await self._write(memory, now, ended=ended)

        await asyncio.gather(*map(write, memories))

    async def _write(self, memory: _Memory, now: float, *, ended: bool) -> None:
        key, uid, state = memory.view.key, memory.view.uid, memory.state
        text = remembered_text(state, memory.view, memory.replicas, at=memory.at, ended=ended)
        memory.looked_at = now
        try:
            await self._objects.apply(balancer_state_config_map(key, uid, text), names.BALANCER)
        except UnavailableError as error:
            extra = {"namespace": key.namespace, "service": key.name}
            logger.warning("Keeping what the balancer has learned failed: %s", error, extra=extra)
            return
        memory.written, memory.written_at = state, now
