"""Memory of the serving pods: as the tuner planned it, and once more where that was too little.

===============================  =================================  =======================
a pod was killed for its memory  remembered on the Deployment       what follows
===============================  =================================  =======================
no                               no                                 the plan
at the plan                      no                                 raised, remembered
-                                of this plan                       stays raised
at the raised plan               of this plan                       stays, a person is told
-                                of another plan                    the plan
===============================  =================================  =======================

What is remembered names the plan it belongs to, so it ends by itself with a new tuning or a
changed limit. ``spec`` is never written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from modelservice_runtime.contract.profile import MemoryPlan

from .observed import Children, PodSeen

#: Sizes are rounded up to this, and /dev/shm has at least so much.
STEP_BYTES = 64 << 20
#: The tuner saw a part of what can come; so much more is tried once.
RAISED_BY = 1.5
#: Of /dev/shm, before anything was measured.
UNMEASURED_SHARED_BYTES = 1 << 30

RAISED = "MemoryRaised"
USED_UP = "OutOfMemory"
LIMIT_FIELD = "spec.serving.resources.limits.memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMemory:
    """What a serving pod gets, in bytes; 0: nothing is said.

    ``reload_bytes``: needed to load a changed configuration beside the old one.
    ``raised``: the plan that was too little, by name; empty while it was not.
    ``killed_again``: the raised memory was too little, too.
    """

    request_bytes: int = 0
    limit_bytes: int = 0
    shared_bytes: int = UNMEASURED_SHARED_BYTES
    reload_bytes: int = 0
    raised: str = ""
    killed_again: bool = False

    @property
    def reload_fits(self) -> bool:
        """Whether a running pod can change its configuration; else pods are replaced."""
        return self.limit_bytes == 0 or self.reload_bytes <= self.limit_bytes


def fits(plan: MemoryPlan, limit: int) -> bool:
    """Whether a setting can be served within ``limit`` (0 for none)."""
    return limit == 0 or plan.request_bytes <= limit


def plan_memory(plan: MemoryPlan | None, *, asked: int, limit: int) -> PodMemory:
    """The memory of a pod whose spec asks for ``asked`` within ``limit`` (0: does not say).

    The limit of the spec stays; the request is what is planned where that is more. The head-room
    is in the plan.
    """
    if plan is None:
        return PodMemory(request_bytes=asked, limit_bytes=limit)
    request = max(asked, _rounded(plan.request_bytes))
    most = limit or max(request, _rounded(plan.limit_bytes))
    return PodMemory(
        request_bytes=min(request, most),
        limit_bytes=most,
        shared_bytes=max(STEP_BYTES, _rounded(plan.shared_memory_bytes)),
        reload_bytes=plan.limit_bytes,
    )


def after_kills(memory: PodMemory, *, tuning_key: str, children: Children) -> PodMemory:
    """``memory``, raised where it was too little; the table is in the module's docstring."""
    name = f"{tuning_key or 'untuned'}:{memory.request_bytes}:{memory.limit_bytes}"
    deployment = children.deployment
    remembered = deployment is not None and deployment.memory_raised == name
    if not remembered and not _killed(children.pods, memory):
        return memory
    raised = dataclasses.replace(
        memory,
        request_bytes=_rounded(int(memory.request_bytes * RAISED_BY)),
        limit_bytes=_rounded(int(memory.limit_bytes * RAISED_BY)),
        raised=name,
    )
    return dataclasses.replace(raised, killed_again=_killed(children.pods, raised))


def kill_words(memory: PodMemory) -> tuple[str, str]:
    """Reason and words where pods were killed for their memory, else both are empty."""
    if memory.killed_again:
        return USED_UP, (
            f"a pod was killed at the raised memory of {_sizes(memory)} too, which is not raised"
            f" again; raise {LIMIT_FIELD}"
        )
    if memory.raised:
        return RAISED, (
            "a pod was killed at its memory limit, so the memory of the pods was raised once, to"
            f" {_sizes(memory)}; if that stays enough, put it into {LIMIT_FIELD}"
        )
    return "", ""


def reload_words(memory: PodMemory) -> str:
    """Why changes replace pods, or nothing where they need not."""
    if memory.reload_fits:
        return ""
    return (
        f"two versions of the model need {_mebibytes(memory.reload_bytes)}, more than"
        f" {LIMIT_FIELD}, so a changed setting replaces the pods instead of being loaded in place"
    )


def misfit_words(plan: MemoryPlan) -> str:
    """Why a measured setting is not served."""
    return f"{needs_words(plan)}. Until then single rows are served"


def needs_words(plan: MemoryPlan) -> str:
    """What a setting that does not fit would need."""
    return (
        f"the setting that was measured needs {_mebibytes(plan.request_bytes)}, more than"
        f" {LIMIT_FIELD}; raise it"
    )


def _killed(pods: Iterable[PodSeen], memory: PodMemory) -> bool:
    """Whether a pod that had exactly this memory was killed for it; of older plans none counts."""
    if memory.limit_bytes:
        return any(p.out_of_memory and p.memory_limit_bytes == memory.limit_bytes for p in pods)
    wanted = memory.request_bytes
    return any(wanted and p.out_of_memory and p.memory_request_bytes == wanted for p in pods)


def _rounded(size: int) -> int:
    return -(-size // STEP_BYTES) * STEP_BYTES


def _sizes(memory: PodMemory) -> str:
    if memory.limit_bytes == 0:
        return f"a request of {_mebibytes(memory.request_bytes)}"
    if memory.request_bytes == 0:
        return f"a limit of {_mebibytes(memory.limit_bytes)}"
    request, limit = _mebibytes(memory.request_bytes), _mebibytes(memory.limit_bytes)
    return f"a request of {request} and a limit of {limit}"


def _mebibytes(size: int) -> str:
    return f"{-(-size // (1 << 20))} MiB"
