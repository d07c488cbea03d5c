"""One run of perf_analyzer against one Triton: starts it, waits, reads what it wrote."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from modelservice_runtime.serve.samples import Samples

from .cores import Cores, children_on
from .errors import LOAD_GENERATOR_MISSING, Infrastructure, LoadFailed
from .export import parse_export
from .interrupts import Interrupts
from .parsing import Measurement, OutputUnreadableError, joined, parse_report, trouble
from .runs import Part, Run

PROGRAM = "perf_analyzer"
#: Rows beyond these are not sent: the file is read anew for every run.
MAX_SAMPLE_ROWS = 16
#: perf_analyzer exports what it sent and got with every latency, as text: so many numbers of it
#: are read in a second, more would fill the disk.
MOST_EXPORTED_NUMBERS = 4_000_000
#: How often it is asked whether a run still gets answers.
_LOOK_SECONDS = 0.5


def write_input_data(inputs: Mapping[str, np.ndarray], path: Path) -> None:
    """Sample rows as perf_analyzer's JSON: one entry a row."""
    rows = min(MAX_SAMPLE_ROWS, *(len(array) for array in inputs.values()))
    data = [{name: _row(array[index]) for name, array in inputs.items()} for index in range(rows)]
    path.write_text(json.dumps({"data": data}))


def numbers_per_row(samples: Samples) -> int:
    """Of all inputs and outputs of a row."""
    arrays = [*samples.inputs.values(), *samples.outputs.values()]
    return sum(int(np.prod(array.shape[1:])) for array in arrays)


def _row(values: np.ndarray) -> dict[str, object]:
    shape = list(values.shape) or [1]
    return {"content": values.reshape(-1).tolist(), "shape": shape}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadGenerator:
    """What all runs share. ``address``: of Triton's gRPC port.

    ``input_data``: a file (``write_input_data``); None lets perf_analyzer make something up.
    ``by_length``: such files of requests of one length each, for runs that say a length.
    ``numbers_per_row``: of inputs and outputs; 0 where that is not known.
    """

    model: str
    address: str
    input_data: Path | None
    scratch: Path
    cores: Cores
    interrupts: Interrupts
    numbers_per_row: int = 0
    by_length: Mapping[int, Path] = field(default_factory=dict)

    def run(
        self, run: Run, timeout: float, stalled: Callable[[], bool] = lambda: False
    ) -> Measurement:
        """Measure, for at most ``timeout`` seconds, and no longer than until it is ``stalled``.

        Raises:
            LoadFailed: no figures came of it.
            Infrastructure: perf_analyzer cannot be started.
        """
        exporting = run.one_by_one and self._is_small(run)
        places = [self._place(number) for number in range(len(run.parts))]
        words = [
            self._words(part, place, exporting=exporting)
            for part, place in zip(run.parts, places, strict=True)
        ]
        logs = self._finish(words, timeout, stalled)
        try:
            found = [
                place.read(log, part, exporting=exporting)
                for part, place, log in zip(run.parts, places, logs, strict=True)
            ]
        except (OSError, OutputUnreadableError) as error:
            raise LoadFailed(f"perf_analyzer gave no figures: {error}") from error
        finally:
            for place in places:
                place.clear()
        return joined(found)

    def _is_small(self, run: Run) -> bool:
        numbers = sum(part.requests * part.batch for part in run.parts) * self.numbers_per_row
        return 0 < numbers <= MOST_EXPORTED_NUMBERS

    def _place(self, number: int) -> _Place:
        place = _Place(
            report=self.scratch / f"report-{number}.csv",
            export=self.scratch / f"export-{number}.json",
            intervals=self.scratch / f"intervals-{number}.txt",
        )
        place.clear()  # perf_analyzer does not write over an export
        return place

    def _words(self, part: Part, place: _Place, *, exporting: bool) -> list[str]:
        words = [PROGRAM, "-m", self.model, "-u", self.address, "-i", "grpc"]
        words += ["-f", str(place.report), *part.words]
        data = self.by_length.get(part.length, self.input_data)
        if data is not None:
            words.append(f"--input-data={data}")
        if exporting:
            words.append(f"--profile-export-file={place.export}")
        if part.intervals:
            place.intervals.write_text("".join(f"{interval}\n" for interval in part.intervals))
            words.append(f"--request-intervals={place.intervals}")
        return words

    def _finish(
        self, commands: Sequence[Sequence[str]], timeout: float, stalled: Callable[[], bool]
    ) -> list[str]:
        """What they printed; none is ever left running, whatever happens here."""
        processes: list[subprocess.Popen[bytes]] = []
        until = time.monotonic() + timeout
        try:
            for words in commands:
                with self.interrupts.held():
                    processes.append(self._start(words))
            logs = [_output(process, until, stalled) for process in processes]
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"perf_analyzer did not end within {timeout:.0f} s") from error
        finally:
            with self.interrupts.held():
                for process in processes:
                    _end(process)
        for process, log in zip(processes, logs, strict=True):
            if process.returncode != 0:
                raise LoadFailed(f"perf_analyzer: {trouble(log, process.returncode)}")
        return logs

    def _start(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            with children_on(self.cores.client):
                return subprocess.Popen(  # noqa: S603 - a program of the image, our own words
                    list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
        except OSError as error:
            message = f"perf_analyzer cannot be started: {error}; is it in the image?"
            raise Infrastructure(LOAD_GENERATOR_MISSING, message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The files of one perf_analyzer."""

    report: Path
    export: Path
    intervals: Path

    def clear(self) -> None:
        for path in (self.report, self.export, self.intervals):
            path.unlink(missing_ok=True)

    def read(self, log: str, part: Part, *, exporting: bool) -> Measurement:
        measured = parse_report(self.report.read_text(), log)
        if not exporting:
            return measured
        sent = parse_export(self.export.read_bytes())
        return replace(
            measured,
            latencies_ms=tuple(sent.latency_ms.tolist()),
            sent_ns=tuple(sent.at_ns.tolist()),
            sent_rows=(part.batch,) * len(sent.at_ns),
            sent_lengths=(part.length,) * len(sent.at_ns),
            requests=len(sent.at_ns),
        )


def _output(process: subprocess.Popen[bytes], until: float, stalled: Callable[[], bool]) -> str:
    """What it printed until its end.

    Raises:
        TimeoutExpired: there was none by then.
        LoadFailed: it is stalled.
    """
    while True:
        left = until - time.monotonic()
        try:
            output, _ = process.communicate(timeout=max(0.1, min(left, _LOOK_SECONDS)))
        except subprocess.TimeoutExpired:
            if left <= _LOOK_SECONDS:
                raise
            if stalled():
                raise LoadFailed("perf_analyzer went on without an answer from Triton") from None
        else:
            return output.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.kill()
    process.communicate()
