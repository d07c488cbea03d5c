"""The tuner as its pod runs it: one process, the request in its environment, a result file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.model_config import PYTHON_BACKEND
from modelservice_runtime.contract.profile import ServedSetting
from modelservice_runtime.contract.requests import JOB_VARIABLE, LatencyObjective, TuneRequest
from modelservice_runtime.contract.results import MAX_RESULT_BYTES, Profile, TuneResult
from modelservice_runtime.contract.traffic import Traffic

#: What the Job's own deadline allows beyond the time that the tuner is given.
GRACE_SECONDS = 60


@dataclass(slots=True, kw_only=True)
class TunePod:
    """What is tuned, and how; start it, watch its progress, read how it ended."""

    root: Path
    uri: str
    digest: str
    goal_ms: float = 500.0
    max_batch_size: int = 2
    cpu: float = 1.0
    duration_seconds: int = 120
    memory_limit_bytes: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    current: ServedSetting | None = None
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    began: float = 0.0
    progress: list[dict[str, Any]] = field(default_factory=list)

    def request(self) -> TuneRequest:
        """What the operator would ask for."""
        return TuneRequest(
            namespace="team",
            name="tiny",
            tuning_key="0123456789",
            attempt=1,
            artifact_uri=self.uri,
            artifact_digest=self.digest,
            backend=PYTHON_BACKEND,
            objective=LatencyObjective(percentile=99.0, milliseconds=self.goal_ms),
            max_batch_size=self.max_batch_size,
            cpu=self.cpu,
            memory_limit_bytes=self.memory_limit_bytes,
            duration_seconds=self.duration_seconds,
            traffic=self.traffic,
            report_uri=f"file://{self.report}",
            current=self.current,
        )

    @property
    def report(self) -> Path:
        """The folder of the report in the store."""
        return self.root / "tunings" / "0123456789" / "1"

    @property
    def result_file(self) -> Path:
        """The termination message."""
        return self.root / "result.json"

    @property
    def scratch(self) -> Path:
        """The pod's scratch folder."""
        return self.root / "scratch"

    def start(self) -> None:
        """Start it."""
        self.scratch.mkdir(exist_ok=True)
        self.began = time.monotonic()
        with (self.root / "tuner.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "modelservice_runtime.tuner"),
                    *("--result-file", str(self.result_file), "--scratch", str(self.scratch)),
                ],
                env={**os.environ, JOB_VARIABLE: dumps(self.request()), **self.variables},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read progress up to the first line that is ``wanted``."""
        assert self.process is not None
        for line in self.process.stdout or ():
            self.progress.append(json.loads(line)["progress"])
            if wanted(self.progress[-1]):
                return self.progress[-1]
        raise AssertionError(f"it ended before: {self.log()}")

    def finish(self) -> tuple[int, TuneResult]:
        """Its exit code and its result; nothing of it is left running or lying about."""
        assert self.process is not None
        for line in self.process.stdout or ():
            self.progress.append(json.loads(line)["progress"])
        code = self.process.wait()
        assert time.monotonic() - self.began < self.duration_seconds + GRACE_SECONDS
        self._close()
        text = self.result_file.read_bytes()
        assert len(text) <= MAX_RESULT_BYTES
        assert list(self.scratch.iterdir()) == []
        return code, loads(TuneResult, text)

    def tune(self) -> tuple[int, TuneResult]:
        """Start and finish."""
        self.start()
        return self.finish()

    def tuned(self) -> tuple[TuneResult, Profile]:
        """The result and the profile of a tuning that has to succeed."""
        code, result = self.tune()
        assert code == 0, self.log()
        assert result.profile is not None
        return result, result.profile

    def family(self) -> list[psutil.Process]:
        """Its child processes now, and theirs."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def server(self) -> psutil.Process:
        """Its Triton, which has to run."""
        (found,) = [process for process in self.family() if name_of(process) == "tritonserver"]
        return found

    def prefix(self) -> str:
        """Of its Triton's shared memory, which it was given on its command line."""
        (flag,) = [word for word in words_of(self.server()).split() if "shm-region-prefix" in word]
        return flag.rpartition("=")[2]

    def log(self) -> str:
        """The end of what it wrote to standard error."""
        return (self.root / "tuner.log").read_text()[-3000:]

    def kill(self) -> None:
        """At the end of a test that failed: whatever is left."""
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()


def name_of(process: psutil.Process) -> str:
    """Empty for one that has just gone."""
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def words_of(process: psutil.Process) -> str:
    """Its command line; empty for one that has just gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
