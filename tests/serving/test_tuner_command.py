"""``python -m modelservice_runtime.tuner --url``: a Triton that somebody else started is tuned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from artifacts import read_manifest, write_files
from models import Model, linear, over_an_open_axis
from pod import serving

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.model_config import PYTHON_BACKEND, warmup_sizes
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.interrupts import Interrupts
from modelservice_runtime.tuner.server import Place, Triton

pytestmark = pytest.mark.timeout(180)

SECONDS = "30"


#: Keeps a page of each request.
LEAK = """

class TritonPythonModel(TritonPythonModel):
    kept = []

    def execute(self, requests):
        self.kept.extend(b"x" * 4096 + bytes([len(self.kept) % 256]) for _ in requests)
        return super().execute(requests)
"""


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """A Triton with the linear model in batches of 4, and whose model may be loaded anew."""
    with running(linear(), tmp_path_factory.mktemp("running")) as server:
        yield server


@contextmanager
def running(model: Model, root: Path, **settings: Any) -> Iterator[Triton]:
    """A Triton with a model in batches of 4; ``settings``: of its configuration."""
    artifact = write_files(model, root / "artifact")
    manifest = read_manifest(artifact)
    config = serving(
        manifest.variants[0],
        name="tiny",
        backend=PYTHON_BACKEND,
        max_batch_size=4,
        interface=model.interface,
        warmup_batch_sizes=warmup_sizes(4),
        warmup_inputs=manifest.sample_inputs,
        **settings,
    )
    place = Place(
        name="tiny",
        artifact=artifact,
        scratch=root,
        cores=frozenset(os.sched_getaffinity(0)),
        environment=os.environ,
    )
    with Triton(place, Deadline.after(600, time.monotonic()), Interrupts()) as server:
        server.serve(config)
        yield server


def tune(triton: Triton, *words: str, model: str = "tiny") -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "modelservice_runtime.tuner"]
    command += ["--url", f"127.0.0.1:{triton.ports.grpc}", "--model", model, "--goal-ms", "50"]
    command += ["--max-batch", "4", "--max-instances", "1", "--max-seconds", SECONDS, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def configuration(triton: Triton) -> dict[str, Any]:
    """What Triton serves the model with."""
    url = f"http://127.0.0.1:{triton.ports.http}/v2/models/tiny/config"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_it_measures_says_what_it_found_and_leaves_all_as_it_was(
    triton: Triton, tmp_path: Path
) -> None:
    before = configuration(triton)
    done = tune(triton, "--json", str(tmp_path / "found.json"), "--report", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "<- chosen" in done.stdout
    assert "the model serves as before" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["objectiveMet"]
    assert found["setting"]["maxBatchSize"] in {1, 2, 3, 4}
    assert found["before"]["maxBatchSize"] == 4
    assert found["capacityRowsPerSecond"] > 0
    assert found["loadRuns"] > 3
    assert found["loadSeconds"] < float(SECONDS)
    assert all(knob["why"] for knob in found["knobs"])
    assert json.loads((tmp_path / "out" / "report.json").read_text())["settings"]
    assert configuration(triton) == before


def test_what_is_applied_stays(triton: Triton) -> None:
    done = tune(triton, "--apply", "--closed-loop", "4", "--or-fewer")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "applied" in done.stdout
    assert "requests in flight, of 4 at most" in done.stdout
    policy = configuration(triton)["dynamic_batching"]["default_queue_policy"]
    assert policy["timeout_action"] == "REJECT"
    assert 0 < int(policy["default_timeout_microseconds"]) < 50_000


@pytest.mark.parametrize("padded", [True, False])
def test_lengths_are_tuned_for_as_the_model_is_configured(tmp_path: Path, *, padded: bool) -> None:
    """Somebody else's model is padded where its configuration says so."""
    with running(over_an_open_axis("Sum"), tmp_path, padded=padded) as triton:
        done = tune(
            *(triton, "--lengths", "4:50,32:50"),
            *("--json", str(tmp_path / "found.json"), "--report", str(tmp_path / "out")),
        )
        after = configuration(triton)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["padded"] is padded
    assert [share["length"] for share in found["traffic"]["lengths"]] == [4, 32]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["length"] for row in report["lengths"]] == [4, 32]
    assert after["input"][0]["allow_ragged_batch"] is padded


def test_lengths_of_a_model_without_an_open_axis_are_refused(triton: Triton) -> None:
    done = tune(triton, "--lengths", "4:50,32:50")
    assert done.returncode == exit_codes.USER_ERROR
    assert "--lengths: no input of the model has an open axis (x [4])" in done.stderr


@pytest.mark.parametrize("leaks", [True, False])
def test_a_model_that_keeps_memory_of_each_request_is_said_to_leak_and_no_other(
    tmp_path: Path, *, leaks: bool
) -> None:
    with running(linear(), tmp_path) as server:
        if leaks:
            with (tmp_path / "repository" / "tiny" / "1" / "model.py").open("a") as file:
                file.write(LEAK)
        words = ["--server-pid", str(server.pid), "--memory-limit-mib", "4096"]
        words += ["--report", str(tmp_path / "out"), "--max-seconds", "100"]
        done = tune(server, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    report = (tmp_path / "out" / "report.html").read_text()
    assert ("the model seems to leak" in done.stdout) == leaks
    assert ("the model seems to leak" in report) == leaks
    if leaks:
        assert "the limit of 4096 MiB is reached in about" in done.stdout


def test_a_model_that_is_not_there_is_named(triton: Triton) -> None:
    done = tune(triton, model="nobody")
    assert done.returncode == exit_codes.USER_ERROR
    assert "model nobody" in done.stderr


def test_an_address_at_which_nobody_answers_is_named() -> None:
    command = [sys.executable, "-m", "modelservice_runtime.tuner", "--url", "127.0.0.1:9"]
    command += ["--model", "tiny", "--goal-ms", "50"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == exit_codes.USER_ERROR
    assert "127.0.0.1:9" in done.stderr


def test_half_a_command_line_says_what_is_missing() -> None:
    command = [sys.executable, "-m", "modelservice_runtime.tuner", "--url", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--url needs --model too" in done.stderr
