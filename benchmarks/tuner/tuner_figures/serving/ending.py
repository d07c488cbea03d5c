"""The end of a process and of all that it started, whatever happens here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 20.0
#: Inherited by whatever is started, also in a session of its own as Model Analyzer does it.
MARK = "MODELSERVICE_BENCHMARK"
_PROC = Path("/proc")
_POLL_SECONDS = 0.05


@contextmanager
def started(
    words: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    *,
    cwd: Path | None = None,
    patience: float = STOP_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """The program, which is gone afterwards with all its descendants. ``log``: what it says.

    ``patience``: seconds that it gets to end by itself.
    """
    mark = uuid.uuid4().hex
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - programs of our environments, our own words
            list(words), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            env={**env, MARK: mark}, cwd=cwd, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            end(process, mark, patience)


def end(process: subprocess.Popen[bytes], mark: str, seconds: float) -> None:
    """Politely at first; then everything that bears the mark."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    latest = time.monotonic() + STOP_SECONDS
    while (left := marked(mark)) and time.monotonic() < latest:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    process.wait()


def marked(mark: str, proc: Path = _PROC) -> list[int]:
    """Processes that were started with ``MARK=mark`` around them and have not ended."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for path in proc.glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
