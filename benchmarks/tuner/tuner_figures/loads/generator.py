"""perf_analyzer against one Triton: what every pick of every tuner is measured with."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import tail
from tuner_figures.bench import Bench
from tuner_figures.serving.ending import started
from tuner_figures.serving.triton import Triton

from . import arrivals, executions, requests
from .arrivals import Shape
from .executions import Executions
from .requests import Requests

#: Connections and caches are made in the beginning.
WARM_SECONDS = 0.5
#: Windows in which more requests than this went out late say nothing about the server.
LATE_MOST = 0.02
ATTEMPTS = 4
#: perf_analyzer hangs now and then, or ends without figures; a Triton that is gone stays so.
TRIES = 3
_WINDOWS = 3
_SPARE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One run at a rate. ``late``: share of its requests that went out late.

    ``executions``: that Triton counted meanwhile.
    """

    requests: Requests
    late: float
    executions: Executions

    @property
    def counts(self) -> bool:
        """Whether it says something about the server."""
        return self.late <= LATE_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """``folder``: for its files."""

    bench: Bench
    triton: Triton
    folder: Path

    def closed(self, concurrency: int, seconds: float) -> Requests:
        """So many single rows under way at all times.

        Raises:
            CommandFailed: nothing came of it.
        """
        window = round(1000 * (seconds + WARM_SECONDS) / _WINDOWS)
        words = (
            *(f"--concurrency-range={concurrency}", "-p", str(window)),
            # Three windows of which all count: its own test of stability is not asked.
            *("-r", str(_WINDOWS), "-s", "999"),
        )
        return self._run(words, seconds + WARM_SECONDS).after(WARM_SECONDS)

    def at_rate(self, shape: Shape, rate: float, seconds: float, seed: int) -> Window:
        """Single rows at random times; tried again where too many went out late.

        Raises:
            CommandFailed: nothing came of it.
        """
        goal_ms, best = self.triton.artifact.model.goal_ms, None
        for attempt in range(ATTEMPTS):
            gaps = arrivals.intervals(shape, rate, seconds, seed + 1000 * attempt)
            path = self.folder / "intervals.txt"
            path.write_text("".join(f"{gap}\n" for gap in gaps), encoding="utf-8")
            words = (f"--request-intervals={path}", f"--request-count={len(gaps)}")
            before = executions.counted(self.triton.statistics())
            found = self._run(words, seconds)
            after = executions.counted(self.triton.statistics())
            window = Window(
                requests=found,
                late=found.late_share(gaps, goal_ms),
                executions=executions.between(before, after),
            )
            if window.counts:
                return window
            best = window if best is None or window.late < best.late else best
        if best is None:
            raise ValueError("at least one attempt is needed")
        return best

    def _run(self, words: Sequence[str], seconds: float) -> Requests:
        for number in range(1, TRIES):
            try:
                return self._once(words, seconds)
            except CommandFailed as error:
                words = " ".join(str(error).split())[:150]
                self.bench.say(f"  perf_analyzer, try {number} of {TRIES}: {words}")
        return self._once(words, seconds)

    def _once(self, words: Sequence[str], seconds: float) -> Requests:
        export, log = self.folder / "export.json", self.folder / "perf_analyzer.log"
        export.unlink(missing_ok=True)
        triton = self.triton
        command = [
            *("perf_analyzer", "-m", triton.name, "-u", triton.address, "-i", "grpc", "-b", "1"),
            *("--async", f"--input-data={triton.artifact.inputs}", *words),
            f"--profile-export-file={export}",
        ]
        with started(command, self.bench.variables(), log) as process:
            try:
                code = process.wait(2 * seconds + _SPARE_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise CommandFailed(f"perf_analyzer does not end: {tail(log, 5)}") from error
        if code != 0:
            raise CommandFailed(f"perf_analyzer ended with code {code}: {tail(log, 5)}")
        try:
            return requests.parsed(export.read_text(encoding="utf-8"))
        except (OSError, requests.UnreadableError) as error:
            raise CommandFailed(
                f"perf_analyzer gave no figures: {error}; {tail(log, 5)}"
            ) from error
