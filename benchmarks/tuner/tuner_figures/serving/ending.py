"""The end of a process and of all that it started, whatever happens here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 20.0


@contextmanager
def started(
    words: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a session of its own, which is gone afterwards. ``log``: what it says."""
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - programs of our environments, our own words
            list(words), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=dict(env),
            cwd=cwd, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """Politely at first; then everything that is left of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
