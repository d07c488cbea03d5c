"""The parent's side of a worker process: start it, ask it, bound it, say how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from .errors import (
    ENTRYPOINT_FAILED,
    ENTRYPOINT_OUT_OF_MEMORY,
    ENTRYPOINT_TIMED_OUT,
    INTERNAL_ERROR,
    INTERRUPTED,
    BuildError,
    Interrupted,
    OutOfTime,
    UserError,
)

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.0
#: The kernel kills the whole pod at the limit, without words; the watchdog is a little earlier.
_WATCHDOG_SHARE = 0.95
_MEMORY_ADVICE = (
    "raise spec.optimization.resources.limits.memory, or give fewer or smaller example inputs"
)


#: Set once, when the pod is told to go: threads that are about to start a process must not.
_stopping = threading.Event()


def stop_all() -> None:
    """Kill every worker and let none start any more: whoever waits for one is free at once."""
    _stopping.set()
    for child in psutil.Process().children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``memory_bytes``: for all processes of the Job together, 0 for none."""

    memory_bytes: int


class Stopped(Exception):  # noqa: N818 - said of the work, which is not wanted any more
    """What was asked for is not needed any more; the process was killed."""


def _never() -> bool:
    return False


class Worker:
    """One child process. ``name`` is how messages call it (``the source model`` …)."""

    def __init__(
        self, name: str, module: str, *, environment: Mapping[str, str], cwd: Path, limits: Limits
    ) -> None:
        if _stopping.is_set():
            raise Interrupted(INTERRUPTED, "the build was told to stop")
        self.name = name
        self.peak_bytes = 0
        self._limits = limits
        self._buffer = b""
        reading, writing = os.pipe()
        self._replies = reading
        arguments = [sys.executable, "-m", module, str(writing), str(limits.memory_bytes)]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            arguments,
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            stderr=sys.stderr.fileno(),
            env=dict(environment),
            cwd=cwd,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def ask(
        self,
        command: str,
        *,
        timeout: float,
        doing: str,
        stop: Callable[[], bool] = _never,
        **arguments: object,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send ``command``, wait at most ``timeout`` seconds for its result.

        ``doing``: for messages, ``running the entrypoint`` …; ``stop``: asked all the time.

        Raises:
            UserError: the command was refused, or the process died of the user's code.
            OutOfTime: ``timeout`` passed; the process is killed.
            Stopped: ``stop`` said so; the process is killed.
        """
        text = json.dumps({"command": command, "arguments": arguments}) + "\n"
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()
        line = self._wait_for_line(timeout, doing, stop)
        reply = json.loads(line)
        self.peak_bytes = max(self.peak_bytes, int(reply.get("peakBytes", 0)))
        if "error" in reply:
            raise self._refused(reply["error"], doing)
        return reply["ok"]

    def close(self) -> None:
        """Kill the process and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._replies >= 0:
            os.close(self._replies)
            self._replies = -1

    def _wait_for_line(self, timeout: float, doing: str, stop: Callable[[], bool]) -> bytes:
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._replies, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if selector.select(_POLL_SECONDS):
                    self._read(doing)
                elif time.monotonic() >= end:
                    raise self._timed_out(timeout, doing)
                if stop():
                    self.close()
                    raise Stopped(doing)
                self._watch_memory(doing)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _read(self, doing: str) -> None:
        data = os.read(self._replies, 1 << 16)
        if not data:
            code = self._process.wait()
            limit = self._limits.memory_bytes
            raise explain_death(code, self.name, doing, self.peak_bytes, limit)
        self._buffer += data

    def _watch_memory(self, doing: str) -> None:
        limit = self._limits.memory_bytes
        if not limit:
            return
        used = resident_bytes()
        if used > limit * _WATCHDOG_SHARE and self._is_largest():
            self.close()
            raise out_of_memory(self.name, doing, max(self.peak_bytes, used), limit)

    def _is_largest(self) -> bool:
        """Whether this process takes more than any beside it, which may be at work too."""
        children = psutil.Process().children()
        largest = max(children, key=_family_bytes, default=None)
        return largest is None or largest.pid == self._process.pid

    def _timed_out(self, timeout: float, doing: str) -> OutOfTime:
        """Stop the child; its stack goes to the log first, so that the user sees where it hangs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGUSR1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        self.close()
        return OutOfTime(
            ENTRYPOINT_TIMED_OUT,
            f"{self.name}: {doing} did not end within {timeout:.0f} s; the Job's log shows where"
            " it stood; if it only takes long, raise spec.optimization.maxDurationSeconds",
        )

    def _refused(self, error: Mapping[str, str], doing: str) -> BuildError:
        reason, message = error["reason"], error["message"]
        if reason == ENTRYPOINT_OUT_OF_MEMORY:
            return out_of_memory(self.name, doing, self.peak_bytes, self._limits.memory_bytes)
        if reason == INTERNAL_ERROR:
            return BuildError(INTERNAL_ERROR, f"{doing}: {message}")
        return UserError(reason, message)


def resident_bytes() -> int:
    """Memory of this process and all that it started, without what files back, in bytes.

    That is what counts against a container's limit; pages of libraries can be dropped.
    """
    return _family_bytes(psutil.Process())


def _family_bytes(process: psutil.Process) -> int:
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_private_bytes(member) for member in family)


def _private_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.rss) - int(memory.shared)


def explain_death(
    returncode: int, name: str, doing: str, peak_bytes: int, limit_bytes: int = 0
) -> UserError:
    """What the end of the process means: killed for memory, crashed, or ended by itself.

    Some libraries crash where an allocation fails at ``limit_bytes`` (0: there is no limit).
    """
    if returncode == -signal.SIGKILL:
        return out_of_memory(name, doing, peak_bytes, 0)
    if returncode < 0:
        return UserError(
            ENTRYPOINT_FAILED,
            f"{name}: {doing} crashed with {signal.Signals(-returncode).name}; the Job's log has"
            " the stack"
            + (
                f"; if it was the memory (limit {_mebibytes(limit_bytes)}): {_MEMORY_ADVICE}"
                * bool(limit_bytes)
            ),
        )
    return UserError(
        ENTRYPOINT_FAILED,
        f"{name}: {doing} ended the process with exit code {returncode} instead of returning"
        " (os._exit?)",
    )


def out_of_memory(name: str, doing: str, peak_bytes: int, limit_bytes: int) -> UserError:
    """The words for a child that needed more memory than there is."""
    limit = f", the limit is {_mebibytes(limit_bytes)}" if limit_bytes else ""
    return UserError(
        ENTRYPOINT_OUT_OF_MEMORY,
        f"{name}: {doing} ran out of memory (seen: {_mebibytes(peak_bytes)}{limit});"
        f" {_MEMORY_ADVICE}",
    )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
