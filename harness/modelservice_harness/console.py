"""Progress on the terminal: one line per thing that happened, with the time since the start."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO


def clock_text(seconds: float) -> str:
    """``83.4`` → ``1:23``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


class Console:
    """Prints lines from several threads without mixing them."""

    def __init__(self, stream: TextIO | None = None, *, started: float | None = None) -> None:
        self._stream = stream or sys.stdout
        self._started = time.monotonic() if started is None else started
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        """Seconds since the console was made."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """Print one line with the elapsed time before it."""
        self.raw(f"[{clock_text(self.elapsed()):>5}] {text}")

    def raw(self, text: str) -> None:
        """Print ``text`` as it is, in one piece."""
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()
