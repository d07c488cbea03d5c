"""The memory of serving pods: planned, raised once, said in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import operator_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.plan.memory import (
    RAISED,
    STEP_BYTES,
    UNMEASURED_SHARED_BYTES,
    USED_UP,
    PodMemory,
    after_kills,
    fits,
    kill_words,
    misfit_words,
    plan_memory,
    reload_words,
)
from modelservice_operator.plan.observed import PodSeen
from modelservice_runtime.contract.profile import MemoryPlan

MIB = 1 << 20
SIZES = st.integers(0, 64 << 30)
PLANNED = PodMemory(request_bytes=1024 * MIB, limit_bytes=2048 * MIB)
NAME = f"t:{1024 * MIB}:{2048 * MIB}"


def plan(request: int, limit: int, shared: int = 0) -> MemoryPlan:
    """A plan in MiB."""
    return MemoryPlan(
        request_bytes=request * MIB, limit_bytes=limit * MIB, shared_memory_bytes=shared * MIB
    )


def killed(limit: int, **changes: Any) -> PodSeen:
    """A serving pod with a limit in MiB that was killed for its memory."""
    base = samples.pod(
        exit_code=137, exit_reason="OOMKilled", out_of_memory=True, memory_limit_bytes=limit * MIB
    )
    return dataclasses.replace(base, **changes)


def decided(*pods: PodSeen, remembered: str = "", memory: PodMemory = PLANNED) -> PodMemory:
    """What follows for the tuning ``t``."""
    seen = samples.children(deployment=samples.deployment(memory_raised=remembered), pods=pods)
    return after_kills(memory, tuning_key="t", children=seen)


@pytest.mark.parametrize(
    ("planned", "asked", "limit", "wanted", "most"),
    [
        (plan(400, 500), 1024, 2048, 1024, 2048),
        (plan(1200, 1500), 1024, 2048, 1216, 2048),
        (plan(2040, 4000), 1024, 2040, 2040, 2040),
        (plan(400, 500), 0, 2048, 448, 2048),
        (plan(400, 500), 0, 0, 448, 512),
        (plan(400, 500), 1024, 0, 1024, 1024),
        (None, 1024, 2048, 1024, 2048),
        (None, 0, 0, 0, 0),
    ],
    ids=[
        "more was asked for",
        "more is planned",
        "rounding does not go above the limit",
        "no request",
        "nothing said",
        "no limit, and more asked for than planned",
        "not measured",
        "not measured, nothing said",
    ],
)
def test_the_plan_is_asked_for_within_the_limit(
    planned: MemoryPlan | None, asked: int, limit: int, wanted: int, most: int
) -> None:
    memory = plan_memory(planned, asked=asked * MIB, limit=limit * MIB)
    assert (memory.request_bytes, memory.limit_bytes) == (wanted * MIB, most * MIB)


@given(st.builds(plan, *[st.integers(0, 1 << 16)] * 3), SIZES, SIZES)
def test_a_request_is_never_above_its_limit(planned: MemoryPlan, asked: int, limit: int) -> None:
    """A request above it would be refused; those of the spec were compared by the API server."""
    asked = min(asked, limit) if limit else asked
    memory = plan_memory(planned, asked=asked, limit=limit)
    assert memory.request_bytes <= memory.limit_bytes
    assert memory.request_bytes >= asked
    assert memory.limit_bytes == limit or not limit
    if fits(planned, limit):
        assert memory.request_bytes >= planned.request_bytes
    raised = decided(killed(memory.limit_bytes // MIB), memory=memory)
    assert raised.request_bytes <= raised.limit_bytes


@pytest.mark.parametrize(
    ("shared", "size"), [(0, 64), (1, 64), (64, 64), (65, 128), (700, 704)], ids=str
)
def test_shared_memory_is_rounded_up_from_64_mib(shared: int, size: int) -> None:
    planned = plan_memory(plan(400, 500, shared), asked=0, limit=0)
    assert planned.shared_bytes == size * MIB


def test_shared_memory_is_plenty_before_it_was_measured() -> None:
    assert plan_memory(None, asked=0, limit=0).shared_bytes == UNMEASURED_SHARED_BYTES


def test_a_kill_raises_request_and_limit_by_half_and_is_remembered() -> None:
    raised = decided(killed(2048))
    assert (raised.request_bytes, raised.limit_bytes) == (1536 * MIB, 3072 * MIB)
    assert raised.raised == NAME
    assert not raised.killed_again
    reason, words = kill_words(raised)
    assert reason == RAISED
    assert "raised once, to a request of 1536 MiB and a limit of 3072 MiB" in words


def test_a_raise_stays_when_the_pod_that_was_killed_is_gone() -> None:
    assert decided(remembered=NAME) == decided(killed(2048))


def test_a_raise_is_rounded_up() -> None:
    odd = dataclasses.replace(PLANNED, limit_bytes=2049 * MIB)
    raised = decided(killed(2049), memory=odd)
    assert raised.limit_bytes == 3136 * MIB
    assert raised.limit_bytes % STEP_BYTES == 0


def test_a_kill_at_the_raised_plan_is_not_raised_again_and_says_what_to_do() -> None:
    again = decided(killed(3072), killed(2048), remembered=NAME)
    assert again.killed_again
    assert again.limit_bytes == 3072 * MIB
    reason, words = kill_words(again)
    assert reason == USED_UP
    assert "not raised again; raise spec.serving.resources.limits.memory" in words


@pytest.mark.parametrize(
    ("pods", "remembered"),
    [
        ((), ""),
        ((killed(4096),), ""),
        ((samples.pod(exit_code=137, memory_limit_bytes=2048 * MIB),), ""),
        ((), f"before:{1024 * MIB}:{2048 * MIB}"),
        ((), f"t:{1024 * MIB}:{1024 * MIB}"),
    ],
    ids=[
        "nobody was killed",
        "a pod of another plan was",
        "killed, but not for its memory",
        "another tuning was raised",
        "the limit was another one",
    ],
)
def test_the_plan_stays_as_it_is(pods: tuple[PodSeen, ...], remembered: str) -> None:
    memory = decided(*pods, remembered=remembered)
    assert memory == PLANNED
    assert kill_words(memory) == ("", "")


def test_without_a_limit_the_request_is_raised() -> None:
    memory = PodMemory(request_bytes=512 * MIB)
    raised = decided(killed(0, memory_request_bytes=512 * MIB), memory=memory)
    assert (raised.request_bytes, raised.limit_bytes) == (768 * MIB, 0)
    assert "to a request of 768 MiB;" in kill_words(raised)[1]


def test_where_nothing_is_said_of_memory_nothing_can_be_raised() -> None:
    """Such a pod is killed when its node runs out of memory, whoever took it."""
    assert decided(killed(0), memory=PodMemory()) == PodMemory()


def test_a_limit_alone_stays_a_limit_alone() -> None:
    raised = decided(killed(1024), memory=PodMemory(limit_bytes=1024 * MIB))
    assert (raised.request_bytes, raised.limit_bytes) == (0, 1536 * MIB)
    assert "to a limit of 1536 MiB;" in kill_words(raised)[1]


def test_pods_that_were_not_tuned_are_raised_too() -> None:
    seen = samples.children(deployment=samples.deployment(), pods=(killed(2048),))
    raised = after_kills(PLANNED, tuning_key="", children=seen)
    assert raised.raised.startswith("untuned:")


def test_a_reload_that_does_not_fit_is_said_in_words() -> None:
    tight = plan_memory(plan(1200, 2500), asked=0, limit=2048 * MIB)
    assert not tight.reload_fits
    assert "need 2500 MiB, more than spec.serving.resources.limits.memory" in reload_words(tight)
    roomy = plan_memory(plan(1200, 2000), asked=0, limit=2048 * MIB)
    assert roomy.reload_fits
    assert reload_words(roomy) == ""
    assert plan_memory(plan(1200, 2500), asked=0, limit=0).reload_fits, "the limit is the plan's"


def test_a_setting_that_does_not_fit_the_limit_is_said_in_words() -> None:
    assert fits(plan(2048, 9999), 2048 * MIB)
    assert fits(plan(2049, 9999), 0)
    assert not fits(plan(2049, 2049), 2048 * MIB)
    words = misfit_words(plan(2049, 2049))
    assert "needs 2049 MiB, more than spec.serving.resources.limits.memory; raise it" in words
