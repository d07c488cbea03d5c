"""A running service's tuning: ask its pods, take one step, watch for drift, write down."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceKey, ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec
from modelservice_operator.drift.watching import smoothed, watch
from modelservice_operator.drift.window import Window
from modelservice_operator.manifests import tuning_state_config_map
from modelservice_operator.plan import applying as steps
from modelservice_operator.plan.observed import Children
from modelservice_operator.plan.placing import Placing, placing_after, situation_of
from modelservice_operator.plan.remembered import Remembered, parse_remembered, remembered_text
from modelservice_operator.plan.retuning import ask
from modelservice_operator.plan.service_plan import Plan
from modelservice_operator.plan.serving import ServingPlan
from modelservice_operator.ports import Clock, ClusterPort, InferencePort, KeysPort
from modelservice_operator.settings import TuningSettings

from .acting import Acting, Scene
from .memory import Memory

#: What changes slowly is written at least this often.
WRITE_SECONDS = 300.0
#: Seconds to the next look after a step, and while one is waited for.
_SOON, _LATER = 1.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What ConfigMap and Deployment are to say now, and what is not done yet.

    ``pending``: in words, empty when every pod serves the target; ``pause``: seconds to the next
    look, None for no hurry.
    """

    placing: Placing
    remembered: Remembered
    pending: str = ""
    pause: float | None = None


class RunningTuning:
    """Applies settings to running pods and watches whether they still suit."""

    def __init__(
        self,
        *,
        inference: InferencePort,
        keys: KeysPort,
        cluster: ClusterPort,
        clock: Clock,
        settings: TuningSettings,
    ) -> None:
        self._inference = inference
        self._cluster = cluster
        self._clock = clock
        self._settings = settings
        self._acting = Acting(inference=inference, keys=keys, settings=settings)
        self._memories: dict[ServiceKey, Memory] = {}

    def forget(self, key: ServiceKey) -> None:
        """The service is gone."""
        self._memories.pop(key, None)

    def speed(self, key: ServiceKey) -> float:
        """Measured ÷ profiled, smoothed; 1 where nothing was compared yet."""
        memory = self._memories.get(key)
        return memory.remembered.speed if memory else 1.0

    def remembered(self, key: ServiceKey, children: Children) -> Remembered:
        """What is known from the looks before, in this process or an earlier one."""
        return self._memory(key, children).remembered

    async def look(
        self,
        ref: ServiceRef,
        spec: ModelServiceSpec,
        plan: Plan,
        children: Children,
        *,
        wanted: Placing,
        pods_key: str,
    ) -> Applied:
        """One step towards what is ``wanted``, and one comparison of what serves with its profile.

        ``pods_key``: of the pods that it needs.
        """
        memory, now = self._memory(ref.key, children), self._now()
        memory.remembered = plan.remembered
        await self._ask_pods(ref, children, memory, now)
        situation = situation_of(
            plan,
            wanted,
            children,
            seen=memory.seen,
            pods_key=pods_key,
            blocked_since=memory.blocked_since,
            settings=self._settings,
            now=now,
        )
        step = steps.next_applying_step(situation) if situation else steps.Done()
        placing = placing_after(step, plan, wanted, children)
        scene = Scene(
            ref=ref,
            target=wanted.serving,
            truth=placing.serving,
            pods={pod.name: pod for pod in children.pods},
            now=now,
        )
        self._acting.announce(scene, memory, step)
        await self._keep(ref, memory, now)
        await self._acting.act(scene, memory, step)
        self._compare(spec, placing.serving, memory, step, now)
        await self._keep(ref, memory, now)
        return _applied(plan, memory, placing, step, self._settings)

    def _memory(self, key: ServiceKey, children: Children) -> Memory:
        if key not in self._memories:
            kept = parse_remembered(children.tuning_state)
            self._memories[key] = Memory(remembered=kept, written=kept, written_at=self._now())
        return self._memories[key]

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _ask_pods(
        self, ref: ServiceRef, children: Children, memory: Memory, now: float
    ) -> None:
        """All pods that are ready; every few seconds only, where nothing is to be done."""
        pods = [pod for pod in children.pods if pod.ready and pod.address and not pod.deleting]
        seconds = float(self._settings.observe_seconds)
        memory.counted = {}
        if memory.is_due((pod.name for pod in pods), now=now, seconds=seconds):
            ask_all = (self._inference.statistics(pod, ref.name) for pod in pods)
            memory.take(await asyncio.gather(*ask_all), now)

    def _compare(
        self,
        spec: ModelServiceSpec,
        serving: ServingPlan,
        memory: Memory,
        step: steps.ApplyingStep,
        now: float,
    ) -> None:
        """Drift is looked for while all pods serve what is proven and wanted, and nothing else."""
        profile, tuning = serving.version.profile, serving.version.tuning_key
        wanted = memory.remembered.chosen or memory.remembered.base
        quiet = isinstance(step, steps.Done) and tuning == wanted
        if profile is None or not quiet or memory.window_of != tuning:
            memory.window, memory.window_of = Window(began_at=now), tuning
            return
        counted = [
            item for item in memory.counted.values() if item.config_key == serving.config_key
        ]
        watched = watch(
            memory.remembered.drift,
            memory.window,
            counted,
            profile,
            now=now,
            settings=self._settings,
        )
        memory.window = watched.window
        speed = memory.remembered.speed
        if watched.speed is not None:
            speed = smoothed(speed, watched.speed)
        memory.remembered = ask(
            dataclasses.replace(memory.remembered, drift=watched.state, speed=speed),
            watched.finding,
            profile,
            mode=spec.scaling.mode,
            now=now,
            settings=self._settings,
        )

    async def _keep(self, ref: ServiceRef, memory: Memory, now: float) -> None:
        """Write what is remembered: at once where a decision hangs on it, else now and then."""
        remembered = memory.remembered
        if remembered == memory.written:
            return
        old = not 0 <= now - memory.written_at < WRITE_SECONDS
        if old or remembered.outdates(memory.written):
            manifest = tuning_state_config_map(ref, remembered_text(remembered))
            await self._cluster.apply(manifest, names.MANAGER)
            memory.written, memory.written_at = remembered, now


def _applied(
    plan: Plan,
    memory: Memory,
    placing: Placing,
    step: steps.ApplyingStep,
    settings: TuningSettings,
) -> Applied:
    """A retuning is no progress towards the spec: that is fulfilled all the while."""
    remembered = memory.remembered
    done = isinstance(step, steps.Done | steps.RollOut)
    words = "" if done or remembered.chosen else _pending(step)
    pause: float | None = (
        float(settings.observe_seconds) if placing.serving.version.profile else None
    )
    if isinstance(step, steps.Watch | steps.Wait):
        pause = _LATER
    elif not done or (remembered.retune is not None and plan.retune is None):
        pause = _SOON
    return Applied(placing=placing, remembered=remembered, pending=words, pause=pause)


def _pending(step: steps.ApplyingStep) -> str:
    if isinstance(step, steps.Promote | steps.Load):
        return "the replicas load the setting one after another"
    return getattr(step, "words", "")
