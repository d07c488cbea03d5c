"""What the benchmark of the tuner starts is gone afterwards, whoever started it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [
    str(BENCHMARKS / "tuner"),
    str(BENCHMARKS / "optimizer"),
    str(BENCHMARKS / "common"),
]

from tuner_figures.serving.ending import MARK, marked, started  # noqa: E402

#: Starts a child in a session of its own, as Model Analyzer starts its Triton, and waits.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def child_of(log: Path) -> int:
    latest = time.monotonic() + 10
    while not log.read_text().strip():
        assert time.monotonic() < latest, "it did not start"
        time.sleep(0.02)
    return int(log.read_text())


def test_a_grandchild_in_another_session_goes_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started([sys.executable, "-c", PARENT], os.environ, log, patience=0.0) as process:
        child = child_of(log)
        assert is_alive(child)
    assert process.poll() is not None
    assert not is_alive(child)


def breaking_off(log: Path, seen: list[int]) -> None:
    with started([sys.executable, "-c", PARENT], os.environ, log, patience=0.0):
        seen.append(child_of(log))
        raise KeyboardInterrupt


def test_it_goes_when_the_measuring_breaks_off(tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        breaking_off(tmp_path / "log", seen)
    assert not is_alive(seen[0])


def test_who_does_not_bear_the_mark_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: "another"}) as stranger:
        try:
            assert marked("mine") == []
            assert stranger.poll() is None
        finally:
            stranger.kill()
