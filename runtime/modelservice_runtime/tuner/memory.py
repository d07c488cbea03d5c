"""Peak memory of a process and its children, sampled by a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psutil

INTERVAL_SECONDS = 0.1


class PeakMemory:
    """Context manager; ``bytes`` is the largest sum of resident sizes seen inside.

    ``pid``: says which process, None while there is none. Memory that processes share counts
    once for each: rather too much than too little.
    """

    def __init__(self, pid: Callable[[], int | None], interval: float = INTERVAL_SECONDS) -> None:
        self.bytes = 0
        self._pid = pid
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        pid = self._pid()
        if pid is not None:
            self.bytes = max(self.bytes, resident_bytes(pid))


def resident_bytes(pid: int) -> int:
    """Resident size of the process and all its children now; 0 if it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_own_bytes(member) for member in family)


def _own_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
