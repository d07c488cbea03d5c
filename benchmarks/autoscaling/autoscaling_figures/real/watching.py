"""Follows the serving pods of both: one watch of the API server, read as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelservice_harness.access import Access

from .lives import Life, followed

_PATH = (
    "/api/v1/pods?watch=1&timeoutSeconds=14400"
    "&labelSelector=app.kubernetes.io%2Fcomponent%3Dserving"
)
_END_SECONDS = 10.0


@dataclass(slots=True)
class Watched:
    """By uid; it grows while the watch lasts."""

    lives: dict[str, Life] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, namespace: str, since: float) -> tuple[Life, ...]:
        """Those of a namespace that were not gone before ``since``."""
        with self.lock:
            found = list(self.lives.values())
        return tuple(
            life
            for life in found
            if life.namespace == namespace and (life.gone is None or life.gone >= since)
        )


@contextmanager
def watching(access: Access) -> Iterator[Watched]:
    """While the context lasts."""
    watched = Watched()
    words = [*access.kubectl_command, "get", "--raw", _PATH]
    with subprocess.Popen(  # noqa: S603 - kubectl, our own words
        words, stdout=subprocess.PIPE, env=dict(access.env), text=True, start_new_session=True
    ) as process:
        thread = threading.Thread(target=_read, args=(process, watched))
        thread.start()
        try:
            yield watched
        finally:
            # All of it: a program that it started would keep the pipe open.
            os.killpg(process.pid, signal.SIGTERM)
            thread.join(_END_SECONDS)


def _read(process: subprocess.Popen[str], watched: Watched) -> None:
    for line in process.stdout or ():
        at = time.time()
        with watched.lock:
            followed(watched.lives, line, at)
