"""How a changed setting reaches the pods: the next step, from what they serve now.

*Truth* is what the rollout's ConfigMap holds: what a starting pod takes. *Target* is what is to
serve. The cases, the first that holds:

=============================================  ==============================================
the target needs other pods                    RollOut
a pod could not load it, or has no memory to   RollOut
hold both
target is truth; a pod serves another one      Load(truth) there, one pod at a time
target is truth                                Done
a rollout is under way                         Wait
nothing tuned serves, or no pod is wanted      Promote: there is nothing to compare with
a pod does not tell what it serves             Wait; after five minutes without it, and
                                               RollOut where none tells
a pod serves neither truth nor is on trial     Load(truth) there
no pod is on trial                             Try(one pod)
the one on trial is gone, three times          RollBack
it restarted, is not ready, does worse         RollBack
it has not answered enough yet                 Watch
it does as well                                Promote: the target becomes the truth
=============================================  ==============================================

At any time at most one pod serves what is not proven, and a pod that restarts comes back with
what is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from modelservice_operator.drift.statistics import PodStatistics, Unheard, figures, since

from .comparing import Verdict, compare, together
from .remembered import Trial

#: A trial that saw few requests ends after this.
MAX_TRIAL_SECONDS = 300.0
#: So many requests are enough …
TRIAL_REQUESTS = 200
#: … and fewer than these tell nothing.
LEAST_REQUESTS = 50
#: How often a pod may vanish under a trial.
MAX_ATTEMPTS = 3
#: Without a pod that could be tried for so long, all are replaced instead.
BLOCKED_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPod:
    """A pod of the newest template. ``seen``: None while it is not ready, it is not asked then."""

    name: str
    ready: bool
    restarts: int
    seen: PodStatistics | Unheard | None

    @property
    def serves(self) -> str | None:
        """Key of the configuration that it serves; None: not known."""
        return self.seen.config_key if isinstance(self.seen, PodStatistics) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that the next step depends on.

    ``same_pods``: the target needs no other pods than there are; ``fits``: both configurations
    fit into a pod's memory at once; ``needs_trial``: something tuned serves, and the target is
    another tuning; ``forced``: configuration that a pod could not load; ``blocked_since``: since
    when no pod could be tried; ``goal_milliseconds``: the latency objective.
    """

    target: str
    truth: str
    same_pods: bool
    fits: bool
    needs_trial: bool
    forced: str
    one_template: bool
    replicas: int
    pods: tuple[ServingPod, ...]
    trial: Trial | None
    blocked_since: float | None
    goal_milliseconds: float
    trial_seconds: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOut:
    """New pods with the target, old ones go."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """This pod is to serve the truth again."""

    pod: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """This pod is to serve the target, to be watched."""

    pod: str
    attempt: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The trial goes on."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """The target becomes the truth; the next looks load it pod by pod."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """The target is rejected; the pod on trial (empty: none) is to serve the truth again."""

    pod: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing can be done now. ``blocked``: because no pod can be asked or tried."""

    words: str
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Every pod that tells serves the target."""


ApplyingStep: TypeAlias = RollOut | Load | Try | Watch | Promote | RollBack | Wait | Done


def next_applying_step(s: Situation) -> ApplyingStep:
    """The one step; the table is in the module's docstring."""
    if not s.same_pods:
        return RollOut(words="the setting needs other pods than there are")
    if s.forced == s.target:
        return RollOut(words="a replica could not load the setting beside the one it serves")
    if s.target == s.truth:
        return _spread(s)
    if not s.fits:
        return RollOut(words="two settings at once do not fit into a replica's memory")
    if not s.one_template:
        return Wait(words="the setting waits for the rollout that is under way")
    return _tried(s) if s.needs_trial else _at_once(s)


def _spread(s: Situation) -> ApplyingStep:
    pod = _stray(s, holder=None) if s.one_template else None
    if pod is None:
        return Done()
    return Load(pod=pod.name, words="it serves another setting than the one that is proven")


def _at_once(s: Situation) -> ApplyingStep:
    if any(pod.ready and pod.serves is None for pod in s.pods):
        return _blocked(s)
    return Promote(words="nothing that was tuned serves now, so there is nothing to compare with")


def _tried(s: Situation) -> ApplyingStep:
    if s.replicas == 0:
        return Promote(words="no replica is wanted now, so there is none to try it on")
    trial = s.trial if s.trial is not None and s.trial.config_key == s.target else None
    holder = trial.pod if trial else _first(p.name for p in s.pods if p.serves == s.target)
    stray = _stray(s, holder=holder)
    if stray is not None:
        return Load(pod=stray.name, words="it serves a setting that is neither proven nor on trial")
    if trial is not None:
        return _trial(s, trial)
    return _start(s, attempt=1, prefer=holder)


def _stray(s: Situation, *, holder: str | None) -> ServingPod | None:
    """A pod that is ready and serves something else than the truth, without being on trial."""
    return next(
        (p for p in s.pods if p.ready and p.serves not in {None, s.truth} and p.name != holder),
        None,
    )


def _start(s: Situation, *, attempt: int, prefer: str | None) -> ApplyingStep:
    able = [pod.name for pod in s.pods if pod.ready and pod.serves is not None]
    silent = [pod.name for pod in s.pods if pod.ready and pod.serves is None]
    if not able or (silent and not _is_long_blocked(s)):
        return _blocked(s)  # a silent one may serve what is not proven: of an earlier trial
    pod = prefer if prefer in able else able[0]
    return Try(pod=pod, attempt=attempt, words=f"replica {pod} gets the new setting first")


def _is_long_blocked(s: Situation) -> bool:
    return s.blocked_since is not None and s.now - s.blocked_since >= BLOCKED_SECONDS


def _blocked(s: Situation) -> ApplyingStep:
    if _is_long_blocked(s):
        return RollOut(words="no replica tells what it serves, so the setting cannot be loaded")
    return Wait(words="the setting waits for a replica that tells what it serves", blocked=True)


def _trial(s: Situation, trial: Trial) -> ApplyingStep:
    pod = next((item for item in s.pods if item.name == trial.pod), None)
    if pod is not None and pod.restarts > trial.restarts:
        # It came back with the truth.
        return RollBack(pod="", words=f"replica {pod.name} restarted with the new setting")
    if pod is None or pod.serves not in {None, s.target}:
        if trial.attempt < MAX_ATTEMPTS:
            return _start(s, attempt=trial.attempt + 1, prefer=None)
        return RollBack(pod="", words=f"none of {trial.attempt} replicas kept the new setting")
    if not pod.ready:
        return RollBack(pod=pod.name, words=f"replica {pod.name} stopped answering with it")
    return _judged(s, trial, pod)


def _judged(s: Situation, trial: Trial, pod: ServingPod) -> ApplyingStep:
    elapsed = s.now - trial.since
    if not isinstance(pod.seen, PodStatistics):
        if elapsed <= 2 * MAX_TRIAL_SECONDS:
            return Watch(words=f"replica {pod.name} does not tell how the new setting does")
        words = f"replica {pod.name} does not tell how the new setting does, for {elapsed:.0f} s"
        return RollBack(pod=pod.name, words=words)
    verdict = _verdict(s, trial, pod.seen, elapsed)
    if verdict.worse and (verdict.failures or elapsed >= s.trial_seconds):
        return RollBack(pod=pod.name, words=verdict.words)
    enough = verdict.requests >= TRIAL_REQUESTS and elapsed >= s.trial_seconds
    if enough or elapsed >= max(MAX_TRIAL_SECONDS, s.trial_seconds):
        return Promote(words=verdict.words)
    return Watch(words=f"replica {pod.name} serves the new setting first and is watched")


def _verdict(s: Situation, trial: Trial, now: PodStatistics, elapsed: float) -> Verdict:
    began = {item.pod: item for item in trial.started}
    own = figures(since(began[trial.pod], now)) if trial.pod in began else figures(now)
    others = [
        figures(since(began[pod.name], pod.seen))
        for pod in s.pods
        if isinstance(pod.seen, PodStatistics)
        and pod.name != trial.pod
        and pod.name in began
        and pod.serves == s.truth
    ]
    reference, of = together(others), "the other replicas"
    if reference is None or reference.requests < LEAST_REQUESTS:
        reference, of = trial.before, "before"
    if reference is not None and reference.requests < LEAST_REQUESTS:
        reference = None
    return compare(
        own,
        reference,
        of=of,
        least=LEAST_REQUESTS,
        elapsed=elapsed,
        goal_milliseconds=s.goal_milliseconds,
    )


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)
