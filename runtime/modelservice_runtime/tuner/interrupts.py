"""SIGTERM and the alarm clock as exceptions, and moments in which they wait.

A signal that came between the start of a child process and the line that remembers it would
leave the child behind; so would one that cut its stop short.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .errors import DEADLINE_EXCEEDED, INTERRUPTED, Interrupted, OutOfTime, TuneError


class Interrupts:
    """The signals of this process. ``install`` once, in the main thread."""

    def __init__(self) -> None:
        self._holds = 0
        self._waiting: TuneError | None = None

    def install(self, seconds: float) -> None:
        """From now on SIGTERM raises Interrupted; after ``seconds`` OutOfTime is raised."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_signal)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))

    def no_alarm(self) -> None:
        """From now on only SIGTERM counts: what is left to do is short, and has a result."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def silence(self) -> None:
        """No more of them: the result is being written."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes inside is raised at the end of the outermost such block."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._raise_waiting()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._waiting = self._waiting or _error_for(number)
        self._raise_waiting()

    def _raise_waiting(self) -> None:
        if self._holds or self._waiting is None:
            return
        error, self._waiting = self._waiting, None
        raise error


def _error_for(number: int) -> TuneError:
    if number == signal.SIGALRM:
        return OutOfTime(DEADLINE_EXCEEDED, "the tuning did not end within its time")
    return Interrupted(INTERRUPTED, "the pod was told to go (SIGTERM); nothing was measured to use")
