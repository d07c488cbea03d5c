"""The memory of processes, as the kernel tells it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.memory_use import (
    STUB,
    family_use,
    instances_of,
    wait_for_leaving,
)

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


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """A program that has the name of an instance's process, and sleeps."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    return Path(shutil.copy(sleep, tmp_path / STUB))


def test_instances_of_a_configuration_before_are_waited_for(instance: Path) -> None:
    """On an H200 they took a second each to end, and what they held was counted meanwhile."""
    own = os.getpid()
    with subprocess.Popen([instance, "30"]) as stays, subprocess.Popen([instance, "0.4"]):
        assert instances_of(own) == 2
        began = time.monotonic()
        assert not wait_for_leaving(own, 1, seconds=0.0)
        assert wait_for_leaving(own, 1)
        assert 0.2 < time.monotonic() - began < 5.0
        assert instances_of(own) == 1
        stays.kill()


def test_nothing_is_waited_for_where_no_process_is() -> None:
    assert instances_of(_NO_PID) == 0
    assert wait_for_leaving(_NO_PID, 0, seconds=0.0)
