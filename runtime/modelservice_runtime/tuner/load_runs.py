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
from .interrupts import Interrupts
from .parsing import Measurement, OutputUnreadableError, parse_report, trouble
from .runs import Run

PROGRAM = "perf_analyzer"
#: Rows beyond these are not sent: the file is read anew for every run.
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
    interrupts: Interrupts

    def run(self, run: Run, timeout: float) -> Measurement:
        """Measure, for at most ``timeout`` seconds.

        Raises:
            LoadFailed: no figures came of it.
            Infrastructure: perf_analyzer cannot be started.
        """
        report = self.scratch / "report.csv"
        report.unlink(missing_ok=True)
        log = self._finish([*self._common(report), *run.words, *self._intervals(run)], timeout)
        try:
            return parse_report(report.read_text(), log)
        except (OSError, OutputUnreadableError) as error:
            raise LoadFailed(f"perf_analyzer gave no figures: {error}") from error

    def _common(self, report: Path) -> list[str]:
        return [
            *(PROGRAM, "-m", self.model, "-u", self.address, "-i", "grpc"),
            *(f"--input-data={self.input_data}", "-f", str(report)),
        ]

    def _intervals(self, run: Run) -> list[str]:
        if not run.intervals:
            return []
        path = self.scratch / "intervals.txt"
        path.write_text("".join(f"{interval}\n" for interval in run.intervals))
        return [f"--request-intervals={path}"]

    def _finish(self, words: Sequence[str], timeout: float) -> str:
        """What it printed; never left running, whatever happens here."""
        process: subprocess.Popen[bytes] | None = None
        try:
            with self.interrupts.held():
                process = self._start(words)
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"perf_analyzer did not end within {timeout:.0f} s") from error
        finally:
            with self.interrupts.held():
                _end(process)
        log = output.decode(errors="replace")
        if process.returncode != 0:
            raise LoadFailed(f"perf_analyzer: {trouble(log, process.returncode)}")
        return log

    def _start(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            with children_on(self.cores.client):
                return subprocess.Popen(  # noqa: S603 - a program of the image, our own words
                    list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
        except OSError as error:
            message = f"perf_analyzer cannot be started: {error}; is it in the image?"
            raise Infrastructure(LOAD_GENERATOR_MISSING, message) from error


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.kill()
    process.communicate()
