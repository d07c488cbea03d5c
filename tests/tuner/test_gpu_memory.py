"""What is read as a setting's need of the GPU is that of its own instances alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from tuning_values import setting

from modelservice_runtime.tuner import artifact_server, statistics
from modelservice_runtime.tuner.artifact_server import ArtifactServer
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.server import Place, Triton

USED, TOTAL = 3, 16


@dataclass(frozen=True)
class Config:
    """All that is looked at of a configuration."""

    padded: bool = False


@dataclass
class Process:
    """A Triton of which there is a process alone."""

    pid: int = field(default_factory=os.getpid)
    shared_bytes: int = 0
    ports: Any = field(default_factory=lambda: SimpleNamespace(metrics=8002))

    def serve(self, config: Config, deadline: Deadline) -> None:
        """Nothing."""


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many instances it was waited; those of three do not leave in time."""
    asked: list[int] = []

    def wait(pid: int, instances: int) -> bool:
        assert pid == os.getpid()
        asked.append(instances)
        return instances < 3

    monkeypatch.setattr(artifact_server, "wait_for_leaving", wait)
    monkeypatch.setattr(artifact_server, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(statistics, "read_gpu_memory", lambda _: (USED, TOTAL))
    return asked


def server(*, gpu: bool) -> ArtifactServer:
    process: Any = Process()
    config: Any = Config()
    return ArtifactServer(triton=process, model="m", config=lambda _: config, gpu=gpu)


@pytest.mark.parametrize("instances", [1, 2, 3])
def test_it_is_read_once_the_instances_of_the_setting_before_have_left(
    waits: list[int], instances: int
) -> None:
    asked = server(gpu=True)
    asked.serve(setting(8, 5), Deadline.after(60, 0.0))
    asked.serve(setting(8, instances), Deadline.after(60, 0.0))
    use = asked.memory()
    assert use is not None
    assert waits == [instances]
    assert (use.gpu, use.gpu_total) == ((USED, TOTAL) if instances < 3 else (0, 0))


def test_without_a_gpu_nothing_of_it_is_told(waits: list[int]) -> None:
    use = server(gpu=False).memory()
    assert use is not None
    assert (use.gpu, use.gpu_total, waits) == (0, 0, [])


def test_the_flags_of_a_place_replace_triton_s_usual_ones(tmp_path: Any) -> None:
    pinned = "--pinned-memory-pool-byte-size"
    place = Place(
        name="m",
        artifact=tmp_path,
        scratch=tmp_path,
        cores=frozenset(),
        environment={},
        flags=(f"{pinned}=7",),
    )
    unused: Any = None
    words = Triton(place, unused, unused)._command()
    assert [word for word in words if word.startswith(pinned)] == [f"{pinned}=7"]
