"""The memory of processes, as the kernel tells it."""

from __future__ import annotations

import os

from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.memory_use import family_use

_NO_PID = 2**22 + 1


def test_what_a_process_keeps_is_its_own() -> None:
    before = family_use(os.getpid())
    kept = bytearray(b"x") * (64 * MIB)
    after = family_use(os.getpid())
    assert before is not None
    assert after is not None
    assert after.own[os.getpid()] - before.own[os.getpid()] > len(kept) * 0.9
    assert after.server > before.server
    assert after.instances == 0


def test_a_process_that_is_gone_has_none() -> None:
    assert family_use(_NO_PID) is None
