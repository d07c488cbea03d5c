"""When a running service is tuned again, and what becomes of it.

==================================  ===================================================
finding, or end of the tuning        what follows
==================================  ===================================================
a finding, mode Auto                 Retune: a tune Job of its own key
a finding, mode Recommend            RetuneRecommended: said, not done
a finding while one is under way     nothing
a finding before ``quiet_until``     nothing
tuning failed                        RetuneFailed, what serves stays
gain of 10 % or more                 Retuned: its setting is the target
it began with the service time       likewise: the old figures are wrong in any case
less, or more memory than the limit  NoBetterSetting, what serves stays
a replica does worse with it         RolledBack, what served before stays
==================================  ===================================================
"""

from __future__ import annotations

import dataclasses

from modelservice_operator.api.spec import RECOMMEND
from modelservice_operator.drift.watching import SERVICE_TIME, DriftState, Finding
from modelservice_operator.settings import TuningSettings
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.results import TuneResult

from .keys import retuning_key
from .memory import fits, needs_words
from .remembered import Remembered, Retune, Told
from .serving import setting_of

#: Capacity that a setting must win to be worth a change.
LEAST_GAIN = 0.10

RETUNING = "Retuning"
RETUNED = "Retuned"
RECOMMENDED = "RetuneRecommended"
KEPT = "NoBetterSetting"
FAILED = "RetuneFailed"
ROLLED_BACK = "RolledBack"
TRYING = "TryingSetting"


def ask(
    remembered: Remembered,
    finding: Finding | None,
    profile: Profile,
    *,
    mode: str,
    now: float,
    settings: TuningSettings,
) -> Remembered:
    """What follows from a finding about the setting of ``profile``, which serves."""
    if finding is None or remembered.retune is not None or now < remembered.quiet_until:
        return remembered
    if mode == RECOMMEND:
        words = f"{finding.words}; mode Recommend: a new tuning is not started"
        return _ended(remembered, RECOMMENDED, words, now=now, settings=settings)
    epoch = remembered.epoch + 1
    retune = Retune(
        epoch=epoch,
        key=retuning_key(remembered.base, epoch, now, finding.traffic),
        cause=finding.cause,
        words=finding.words,
        traffic=finding.traffic,
        current=setting_of(profile),
        asked_at=now,
    )
    return dataclasses.replace(remembered, epoch=epoch, retune=retune, told=None)


def conclude(
    remembered: Remembered,
    result: TuneResult,
    *,
    memory_limit: int,
    now: float,
    settings: TuningSettings,
) -> Remembered:
    """What follows from the end of the tuning that is under way.

    ``memory_limit``: the spec's, in bytes, 0 for none; what does not fit cannot serve.
    """
    retune, profile = remembered.retune, result.profile
    if retune is None:
        return remembered
    if profile is None:
        words = f"a new tuning, because {retune.words}, failed: {result.message}"
        return _ended(remembered, FAILED, words, now=now, settings=settings)
    if not fits(profile.memory, memory_limit):
        words = f"tuned again, because {retune.words}; {needs_words(profile.memory)}"
        return _ended(remembered, KEPT, words, now=now, settings=settings)
    if profile.gain < LEAST_GAIN and retune.cause != SERVICE_TIME:
        words = (
            f"tuned again, because {retune.words}; the best setting would serve"
            f" {profile.gain:+.0%}, less than {LEAST_GAIN:.0%} more, so it stays as it is"
        )
        return _ended(remembered, KEPT, words, now=now, settings=settings)
    words = f"tuned again, because {retune.words}: {profile.gain:+.0%} capacity"
    ended = _ended(remembered, RETUNED, words, now=now, settings=settings)
    return dataclasses.replace(ended, chosen=retune.key)


def roll_back(
    remembered: Remembered,
    *,
    target: str,
    served: str,
    words: str,
    now: float,
    settings: TuningSettings,
) -> Remembered:
    """The configuration ``target`` is rejected; the tuning ``served`` is what stays."""
    ended = _ended(remembered, ROLLED_BACK, rolled_back(words), now=now, settings=settings)
    # Where the spec's own tuning is the one that failed, what served before is none of its own.
    chosen = served if remembered.chosen and served != remembered.base else ""
    return dataclasses.replace(ended, chosen=chosen, trial=None).rejecting(target)


def promoted(remembered: Remembered, words: str, *, now: float) -> Remembered:
    """The target is proven. Of a retuning the condition says how its setting did."""
    before = remembered.told
    after = remembered.told
    if remembered.trial is not None:
        cause = f"{before.message}; " if before is not None and before.reason == RETUNED else ""
        after = Told(reason=RETUNED, message=f"{cause}the new setting serves: {words}", at=now)
    return dataclasses.replace(remembered, trial=None, told=after)


def rolled_back(words: str) -> str:
    """The sentence for log, event and condition."""
    return f"the new setting did worse and was taken back: {words}"


def _ended(
    remembered: Remembered, reason: str, words: str, *, now: float, settings: TuningSettings
) -> Remembered:
    """No retuning is under way any more; the next one has to wait, and drift is judged anew."""
    return dataclasses.replace(
        remembered,
        retune=None,
        told=Told(reason=reason, message=words, at=now),
        quiet_until=now + settings.quiet_minutes * 60.0,
        drift=DriftState(),
    )


def told(remembered: Remembered) -> Told | None:
    """What the condition says beside the tuning itself."""
    if remembered.trial is not None:
        words = f"replica {remembered.trial.pod} serves the new setting first and is watched"
        return Told(reason=TRYING, message=words, at=remembered.trial.since)
    if remembered.retune is not None:
        words = f"a new tuning runs, because {remembered.retune.words}"
        return Told(reason=RETUNING, message=words, at=remembered.retune.asked_at)
    return remembered.told
