"""A module of this benchmark in another environment: what it prints, line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelservice_harness.errors import CommandFailed

_STOP_SECONDS = 20.0


def lines(words: Sequence[str], env: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The JSON objects that the program prints, as they come; it is gone when this ends.

    Raises:
        CommandFailed: it failed; what it said is on the terminal.
    """
    process = subprocess.Popen(  # noqa: S603 - our own module
        list(words), stdout=subprocess.PIPE, text=True, env=dict(env), start_new_session=True
    )
    try:
        for line in process.stdout or ():
            yield json.loads(line)
        if process.wait() != 0:
            raise CommandFailed(f"the measuring ended with code {process.returncode}")
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Its own processes too: they are in its session and in no other."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
