"""perf_analyzer as a process: one that goes on without an answer is ended."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from modelservice_runtime.tuner import load_runs, runs
from modelservice_runtime.tuner.cores import Cores
from modelservice_runtime.tuner.errors import LoadFailed
from modelservice_runtime.tuner.interrupts import Interrupts
from modelservice_runtime.tuner.load_runs import LoadGenerator

EVERYTHING = frozenset(os.sched_getaffinity(0))


@pytest.fixture(name="hanging")
def _hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadGenerator:
    """One that says something and never ends."""
    program = tmp_path / "perf_analyzer"
    program.write_text("#!/bin/sh\necho begun\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(load_runs, "PROGRAM", str(program))
    return LoadGenerator(
        model="any",
        address="127.0.0.1:9",
        input_data=None,
        scratch=tmp_path,
        cores=Cores(server=EVERYTHING, client=EVERYTHING),
        interrupts=Interrupts(),
    )


def test_a_run_without_answers_is_broken_off_before_its_time(hanging: LoadGenerator) -> None:
    began = time.monotonic()
    with pytest.raises(LoadFailed, match="without an answer from Triton"):
        hanging.run(runs.probe(), 30.0, lambda: True)
    assert time.monotonic() - began < 15.0


def test_a_run_that_is_answered_and_does_not_end_has_its_time(hanging: LoadGenerator) -> None:
    with pytest.raises(LoadFailed, match="did not end within 1 s"):
        hanging.run(runs.probe(), 1.0, lambda: False)
