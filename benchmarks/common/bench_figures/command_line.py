"""What the command lines of all benchmarks share."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Collection
from types import FrameType


def take_signals() -> None:
    """From now on SIGTERM and SIGHUP are like Ctrl-C: all that was started is taken down."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)


def _interrupted(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def figure_of(known: Collection[str]) -> Callable[[str], str]:
    """For argparse's ``type``: one of the known figures.

    Not its ``choices``: Python 3.11 looks for the empty list among them.
    """

    def figure(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
        return word

    return figure
