"""The fleet: read load → decide → apply, for all services in one loop.

A thin shell around :func:`load.balance.plan_round`; a service that fails never stops the
others, and a round that fails never stops the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from .api.errors import UnavailableError
from .api.service import ServiceKey
from .fleet import Fleet, ServiceView
from .keeping import BalancerMemory
from .load.balance import Outcome, plan_round
from .load.gpus import Budgets
from .load.leaving import Marks
from .ports import Clock, FleetTelemetry, GpusPort, LoadPort, ReplicasPort
from .settings import BalancerSettings

#: A change of a service wakes the loop; so many changes in a row are one round.
SETTLE_SECONDS = 0.2

logger = logging.getLogger(__name__)


class Rebalancer:
    """One round after another over the fleet."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        load: LoadPort,
        gpus: GpusPort,
        replicas: ReplicasPort,
        clock: Clock,
        settings: BalancerSettings,
        mark_dirty: Callable[[ServiceKey], None],
        telemetry: FleetTelemetry,
        memory: BalancerMemory,
    ) -> None:
        self._fleet = fleet
        self._load = load
        self._gpus = gpus
        self._replicas = replicas
        self._clock = clock
        self._settings = settings
        self._mark_dirty = mark_dirty
        self._telemetry = telemetry
        self._memory = memory
        #: Services that there are figures of, whether anything could be done about them or not.
        self._told: set[ServiceKey] = set()

    async def run_forever(self) -> None:
        """Ends only by cancellation, and then writes down what it has learned."""
        try:
            while True:
                await self._turn()
        finally:
            await self._memory.end()

    async def _turn(self) -> None:
        try:
            await self.round()
        except Exception:
            logger.exception("A round over the fleet failed")
        self._telemetry.beat("fleet")
        await _wait(self._fleet.changed, self._settings.interval_seconds)
        await asyncio.sleep(SETTLE_SECONDS)

    async def round(self) -> None:
        """Look at every service once."""
        self._fleet.changed.clear()
        views = self._fleet.snapshot()
        now = self._clock.now().timestamp()
        self._forget(views)
        states = self._memory.states(views, now)
        if not views:
            self._telemetry.shared(Budgets())
            return
        readings, budgets = await asyncio.gather(
            self._load.read(views, now), self._gpus.read(views, now)
        )
        outcomes = plan_round(views, readings, states, budgets, now=now, settings=self._settings)
        for key, outcome in outcomes.items():
            await self._enforce(key, views[key], outcome, now)
            self._told.add(key)
            self._telemetry.observed(views[key], readings.get(key), outcome.verdict)
        self._telemetry.shared(budgets)
        await self._memory.write_due(now)

    def _forget(self, views: Mapping[ServiceKey, ServiceView]) -> None:
        for key in self._told - set(views):
            self._told.discard(key)
            self._telemetry.forget(key)

    async def _enforce(
        self, key: ServiceKey, view: ServiceView, outcome: Outcome, now: float
    ) -> None:
        extra = {"namespace": key.namespace, "service": key.name}
        await self._mark(key, outcome.marks)
        if outcome.replicas is not None:
            try:
                await self._replicas.set_replicas(key, outcome.replicas)
            except UnavailableError as error:
                logger.warning("Setting the replicas failed: %s", error, extra=extra)
                return  # the state stays as it was: the next round decides again
            words = outcome.verdict.reason
            logger.info("%s → %s: %s", view.replicas, outcome.replicas, words, extra=extra)
        count = view.replicas if outcome.replicas is None else outcome.replicas
        self._memory.take(view, outcome.state, count, now)
        before = self._fleet.verdicts.get(key)
        self._fleet.verdicts[key] = outcome.verdict
        if before is None or _shown(before) != _shown(outcome.verdict):
            self._mark_dirty(key)

    async def _mark(self, key: ServiceKey, marks: Marks) -> None:
        """Old marks go first; fewer replicas do not wait for a mark that cannot be made."""
        try:
            for pod in marks.clear:
                await self._replicas.mark(key, pod, goes_first=False)
            for pod in marks.add:
                await self._replicas.mark(key, pod, goes_first=True)
        except UnavailableError as error:
            extra = {"namespace": key.namespace, "service": key.name}
            logger.warning("Marking who goes first failed: %s", error, extra=extra)


def _shown(verdict: object) -> tuple[object, ...]:
    """What of a verdict changes status: not the load's own figure, which changes every round."""
    names = (
        *("desired", "metrics_available", "metrics_reason", "decisions"),
        *("within_budget", "budget_reason"),
    )
    return tuple(getattr(verdict, name) for name in names)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout=seconds)
    except TimeoutError:
        return
