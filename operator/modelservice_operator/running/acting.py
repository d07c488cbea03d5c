"""One step carried out: at most one pod is told to load something."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

from modelservice_operator.api.service import ServiceRef
from modelservice_operator.drift.statistics import PodStatistics, Refused
from modelservice_operator.plan import applying as steps
from modelservice_operator.plan.observed import PodSeen
from modelservice_operator.plan.remembered import Trial
from modelservice_operator.plan.retuning import promoted, roll_back
from modelservice_operator.plan.serving import ServingPlan
from modelservice_operator.ports import InferencePort, KeysPort
from modelservice_operator.settings import TuningSettings
from modelservice_runtime.contract.model_config import render_pbtxt

from .memory import Memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One service at one look. ``truth``: what pods serve; ``target``: what they are to serve."""

    ref: ServiceRef
    target: ServingPlan
    truth: ServingPlan
    pods: dict[str, PodSeen]
    now: float


class Acting:
    """Carries steps out on pods; what is to be remembered of them goes into the memory."""

    def __init__(
        self, *, inference: InferencePort, keys: KeysPort, settings: TuningSettings
    ) -> None:
        self._inference = inference
        self._keys = keys
        self._settings = settings

    def announce(self, scene: Scene, memory: Memory, step: steps.ApplyingStep) -> None:
        """Write down what the step is about to do: a crash in the middle is then known of."""
        remembered = memory.remembered
        if isinstance(step, steps.Try):
            remembered = dataclasses.replace(remembered, trial=_trial(scene, memory, step))
        elif isinstance(step, steps.RollBack):
            remembered = roll_back(
                remembered,
                target=scene.target.config_key,
                served=scene.truth.version.tuning_key,
                words=step.words,
                now=scene.now,
                settings=self._settings,
            )
        elif isinstance(step, steps.Promote):
            remembered = promoted(remembered, step.words, now=scene.now)
        elif isinstance(step, steps.RollOut):
            remembered = dataclasses.replace(remembered, trial=None, forced="")
        elif not isinstance(step, steps.Watch | steps.Load):
            remembered = dataclasses.replace(remembered, trial=None)
        blocked = isinstance(step, steps.Wait) and step.blocked
        memory.blocked_since = (memory.blocked_since or scene.now) if blocked else None
        memory.settled = isinstance(step, steps.Done)
        memory.remembered = remembered

    async def act(self, scene: Scene, memory: Memory, step: steps.ApplyingStep) -> None:
        """Do it."""
        if not isinstance(step, steps.Done | steps.Watch):
            self._log(scene, step)
        if isinstance(step, steps.Try):
            await self._load(scene, memory, step.pod, scene.target)
            await self._begin(scene, memory)
        elif isinstance(step, steps.Load | steps.RollBack) and step.pod:
            await self._load(scene, memory, step.pod, scene.truth)

    async def _load(self, scene: Scene, memory: Memory, pod: str, config: ServingPlan) -> None:
        key = await self._keys.admin_key(scene.ref)
        text = render_pbtxt(config.config)
        answer = await self._inference.load(scene.pods[pod], scene.ref.name, config=text, key=key)
        if answer is None:
            return
        extra = {"namespace": scene.ref.namespace, "service": scene.ref.name}
        logger.warning("Replica %s did not load the setting: %s", pod, answer.message, extra=extra)
        if isinstance(answer, Refused):
            # Not on trial any more: it serves what it did, and new pods will get the setting.
            memory.remembered = dataclasses.replace(
                memory.remembered, forced=config.config_key, trial=None
            )

    async def _begin(self, scene: Scene, memory: Memory) -> None:
        """The trial's counters begin where the load has ended."""
        trial = memory.remembered.trial
        if trial is None:
            return
        answer = await self._inference.statistics(scene.pods[trial.pod], scene.ref.name)
        if not isinstance(answer, PodStatistics):
            return
        others = [item for item in trial.started if item.pod != trial.pod]
        started = (answer, *others)
        memory.remembered = dataclasses.replace(
            memory.remembered, trial=dataclasses.replace(trial, started=started)
        )

    def _log(self, scene: Scene, step: steps.ApplyingStep) -> None:
        extra = {"namespace": scene.ref.namespace, "service": scene.ref.name}
        pod = f" {step.pod}" if isinstance(step, steps.Load) else ""
        logger.info("%s%s: %s", type(step).__name__, pod, getattr(step, "words", ""), extra=extra)


#: Counters of more pods than these would fill the ConfigMap and tell no more.
_OTHERS = 8


def _trial(scene: Scene, memory: Memory, step: steps.Try) -> Trial:
    heard = memory.heard()
    others = [item for name, item in sorted(heard.items()) if name != step.pod][:_OTHERS]
    own = [heard[step.pod]] if step.pod in heard else []
    known = memory.remembered.trial
    return Trial(
        config_key=scene.target.config_key,
        pod=step.pod,
        since=scene.now,
        attempt=step.attempt,
        restarts=scene.pods[step.pod].restarts,
        before=known.before if known and known.pod == step.pod else memory.before(step.pod),
        started=(*own, *others),
    )
