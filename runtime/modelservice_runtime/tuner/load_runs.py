"""One run of perf_analyzer against one Triton: starts it, waits, reads what it wrote."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelservice_runtime.serve.samples import Samples

from .cores import Cores, children_on
from .errors import LOAD_GENERATOR_MISSING, Infrastructure, LoadFailed
from .parsing import Measurement, OutputUnreadableError, parse_report, trouble

PROGRAM = "perf_analyzer"
#: Windows are short and few: three of them make a measurement.
WINDOW_MILLISECONDS = 1000
WINDOWS = 3
#: perf_analyzer's own test of stability would reject every window on a noisy machine; the
#: choice is made on medians over windows instead.
STABILITY_PERCENT = 999
TIMEOUT_SECONDS = 120.0
#: More requests than these are written into the input file only once.
MAX_SAMPLE_ROWS = 16


def write_input_data(samples: Samples, path: Path) -> None:
    """The samples as perf_analyzer's JSON: one entry a row."""
    rows = min(samples.rows, MAX_SAMPLE_ROWS)
    data = [
        {name: _row(array[index]) for name, array in samples.inputs.items()}
        for index in range(rows)
    ]
    path.write_text(json.dumps({"data": data}))


def _row(values: np.ndarray) -> dict[str, object]:
    shape = list(values.shape) or [1]
    return {"content": values.reshape(-1).tolist(), "shape": shape}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadGenerator:
    """What all runs share. ``address``: of Triton's gRPC port."""

    model: str
    address: str
    input_data: Path
    scratch: Path
    cores: Cores

    def lone(self, batch: int) -> Measurement:
        """One request of ``batch`` rows after another."""
        return self._run(["-b", str(batch), "--concurrency-range=1"])

    def closed(self, concurrency: int) -> Measurement:
        """So many single-row requests at a time, each followed by the next."""
        return self._run(["-b", "1", f"--concurrency-range={concurrency}", "--async"])

    def poisson(self, rate: float) -> Measurement:
        """Single-row requests at random times, ``rate`` a second on average."""
        return self._run(
            [
                "-b",
                "1",
                f"--request-rate-range={rate:.3f}",
                "--request-distribution=poisson",
                "--async",
            ]
        )

    def _run(self, load: Sequence[str]) -> Measurement:
        report = self.scratch / "report.csv"
        report.unlink(missing_ok=True)
        log = self._start([*self._common(report), *load])
        try:
            return parse_report(report.read_text(), log)
        except (OSError, OutputUnreadableError) as error:
            raise LoadFailed(f"perf_analyzer gave no figures: {error}") from error

    def _common(self, report: Path) -> list[str]:
        return [
            *(PROGRAM, "-m", self.model, "-u", self.address, "-i", "grpc"),
            f"--input-data={self.input_data}",
            *("-p", str(WINDOW_MILLISECONDS), "-r", str(WINDOWS), "-s", str(STABILITY_PERCENT)),
            *("-f", str(report)),
        ]

    def _start(self, words: Sequence[str]) -> str:
        try:
            with children_on(self.cores.client):
                done = subprocess.run(  # noqa: S603 - a program of the image, our own words
                    list(words), capture_output=True, timeout=TIMEOUT_SECONDS, check=False
                )
        except subprocess.TimeoutExpired as error:
            message = f"perf_analyzer did not end within {TIMEOUT_SECONDS:.0f} s"
            raise LoadFailed(message) from error
        except OSError as error:
            message = f"perf_analyzer cannot be started: {error}; is it in the image?"
            raise Infrastructure(LOAD_GENERATOR_MISSING, message) from error
        log = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0:
            raise LoadFailed(f"perf_analyzer: {trouble(log, done.returncode)}")
        return log
