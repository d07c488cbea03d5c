"""Fixtures of the Keras builder's tests: every model once, workers as the build starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime.builder.scratch import Scratch
from modelservice_runtime.builder.tensors import Arrays, read, write
from modelservice_runtime.builder.worker import Limits, Worker

MAKE_MODELS = Path(__file__).with_name("make_models.py")
#: Far more than any command takes; a worker that hangs fails its test.
TIMEOUT_SECONDS = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source in its worker process. ``folder``: where tensors and the artifact go."""

    worker: Worker
    path: Path
    folder: Path

    def load(self, **arguments: object) -> Any:
        """Load it; what the worker says."""
        samples = str(self.folder / "samples.safetensors")
        return self._ask("load", source=str(self.path), samples_file=samples, **arguments)

    def samples(self) -> Arrays:
        """The example inputs that ``load`` wrote."""
        return read(self.folder / "samples.safetensors")

    def export(self) -> Path:
        """The ONNX file."""
        target = self.folder / "model.onnx"
        self._ask("export", target=str(target), max_batch_size=8)
        return target

    def run(self, inputs: Arrays) -> Arrays:
        """What the source model answers."""
        given, taken = self.folder / "inputs.safetensors", self.folder / "outputs.safetensors"
        write(given, inputs)
        self._ask("run", inputs=str(given), outputs=str(taken))
        return read(taken)

    def time(self, inputs: Arrays, seconds: float) -> list[float]:
        """Milliseconds of each call."""
        given = self.folder / "inputs.safetensors"
        write(given, inputs)
        reply = self._ask("time", inputs=str(given), seconds=seconds)
        found: list[float] = reply["milliseconds"]
        return found

    def _ask(self, command: str, **arguments: object) -> Any:
        return self.worker.ask(command, timeout=TIMEOUT_SECONDS, doing=command, **arguments)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder per model of ``make_models.py``."""
    folder = tmp_path_factory.mktemp("models")
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, str(MAKE_MODELS), str(folder)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def open_source(tmp_path: Path) -> Iterator[Callable[[Path], Source]]:
    """Start the worker of the source in a folder; all are stopped when the test ends."""
    numbers = count()
    with ExitStack() as workers:

        def start(path: Path) -> Source:
            scratch = Scratch(root=tmp_path / f"scratch-{next(numbers)}")
            scratch.create()
            worker = Worker(
                "source model",
                "modelservice_runtime.builder.tensorflow_worker",
                environment=scratch.environment(os.environ),
                cwd=scratch.work,
                limits=Limits(memory_bytes=0),
            )
            workers.enter_context(worker)
            return Source(worker=worker, path=path, folder=scratch.work)

        yield start
