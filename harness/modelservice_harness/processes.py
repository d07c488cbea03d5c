"""Programs that run in the background of the harness: logged, shown, stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .console import Console, clock_text
from .errors import Cancelled, CommandFailed

#: How often a step that is still running says so.
HEARTBEAT_SECONDS = 20.0
_TAIL_LINES = 25
_TAIL_BYTES = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program to run. ``what`` is the name on the terminal and of the log file."""

    what: str
    args: Sequence[str]
    log: Path
    env: Mapping[str, str]
    cwd: Path
    keep: tuple[int, ...] = ()


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log file, without terminal control sequences; empty if there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    rows = [row.rstrip("\r").rsplit("\r", 1)[-1] for row in text.split("\n") if row.strip()]
    return "\n".join(rows[-lines:])


class Runner:
    """Runs steps (each blocks its own thread) and can stop all of them at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._cancelled = False

    def run(self, step: Step) -> None:
        """Run to the end, saying every 20 s that it still runs and its last line.

        Raises:
            CommandFailed: it ended with another code than 0; the message holds the log's tail.
            Cancelled: ``cancel`` was called.
        """
        step.log.parent.mkdir(parents=True, exist_ok=True)
        with step.log.open("wb") as log:
            process = self._start(step, log.fileno())
        try:
            code = self._wait(step, process)
        finally:
            with self._lock:
                self._running.discard(process)
        if self._cancelled:
            raise Cancelled(f"{step.what}: stopped")
        if code != 0:
            raise CommandFailed(
                f"{step.what} failed with code {code}: {' '.join(step.args)}\n"
                f"{tail(step.log)}\n(all of it: {step.log})"
            )

    def _start(self, step: Step, output: int) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._cancelled:
                raise Cancelled(f"{step.what}: not started")
            process = subprocess.Popen(
                list(step.args),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(step.env),
                cwd=step.cwd,
                pass_fds=step.keep,
                process_group=0,
            )
            self._running.add(process)
            return process

    def _wait(self, step: Step, process: subprocess.Popen[bytes]) -> int:
        began = time.monotonic()
        while True:
            try:
                return process.wait(timeout=HEARTBEAT_SECONDS)
            except subprocess.TimeoutExpired:
                last = tail(step.log, 1)[:100]
                passed = clock_text(time.monotonic() - began)
                self._console.say(f"  … {step.what}: {passed} so far  {last}")

    def cancel(self) -> None:
        """Stop every running step (SIGTERM to its process group) and start no more."""
        with self._lock:
            self._cancelled = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)


def capture(
    args: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, timeout: float = 120
) -> str:
    """Run a short program and return its standard output.

    Raises:
        CommandFailed: it failed or is not there.
    """
    try:
        done = subprocess.run(
            list(args),
            capture_output=True,
            text=True,
            env=dict(env),
            cwd=cwd,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{args[0]}: {error}") from error
    if done.returncode != 0:
        raise CommandFailed(
            f"{' '.join(args)} failed with code {done.returncode}: {done.stderr.strip()}"
        )
    return done.stdout
