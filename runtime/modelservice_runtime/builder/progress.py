"""Progress: how far a build is, as JSON lines for the operator or as lines for a person."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.results import Progress

_log = logging.getLogger(__name__)

#: Stage → fractions done when it begins and ends; from the share of time each takes for the
#: examples. The later waves of a search come after all of these and change nothing.
STAGES = {
    "source": (0.0, 0.02),
    "requirements": (0.02, 0.04),
    "load": (0.04, 0.08),
    "export": (0.08, 0.2),
    "parity": (0.2, 0.25),
    "data": (0.25, 0.35),
    "produce": (0.35, 0.6),
    "evaluate": (0.6, 0.75),
    "measure": (0.75, 0.95),
    "publish": (0.95, 1.0),
    "done": (1.0, 1.0),
}
#: Before so much is done, a guess at the time left is worth nothing.
_GUESSED_FROM = 0.1


class Sayer(Protocol):
    """Where progress goes: JSON lines for the operator, or plain lines for a person."""

    def __call__(self, stage: str, message: str, share: float = 0.0) -> None:
        """``stage``: a key of ``STAGES``; ``share``: of the stage, done so far."""
        ...


@dataclass(slots=True, kw_only=True)
class Course:
    """How far a build is. The fraction never falls, although a search repeats its stages.

    ``clock``: seconds, monotonic.
    """

    clock: Callable[[], float]
    began: float = field(init=False)
    fraction: float = 0.0

    def __post_init__(self) -> None:
        self.began = self.clock()

    def at(self, stage: str, share: float) -> float:
        """Note where the build is; the fraction done."""
        begin, end = STAGES[stage]
        self.fraction = max(self.fraction, begin + share * (end - begin))
        return self.fraction

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.began

    def left(self) -> str:
        """``, about 1:20 left``, if the fraction tells; else empty."""
        if not _GUESSED_FROM <= self.fraction < 1.0:
            return ""
        seconds = self.passed * (1 - self.fraction) / self.fraction
        return f", about {clock_text(seconds)} left"


def clock_text(seconds: float) -> str:
    """``1:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@dataclass(slots=True, kw_only=True)
class JsonLines:
    """``{"progress": {"stage", "fraction", "message"}}`` a line, flushed at once."""

    stream: TextIO
    course: Course

    def __call__(self, stage: str, message: str, share: float = 0.0) -> None:
        """Write one line."""
        fraction = round(self.course.at(stage, share), 3)
        progress = Progress(stage=stage, fraction=fraction, message=message + self.course.left())
        text = json.dumps({"progress": encode(progress)}, separators=(",", ":"))
        print(text, file=self.stream, flush=True)
        _log.info("%s: %s", stage, message)


@dataclass(slots=True, kw_only=True)
class Terminal:
    """A line for a person: percent done, time passed, what is done, time left."""

    stream: TextIO
    course: Course

    def __call__(self, stage: str, message: str, share: float = 0.0) -> None:
        """Print one line."""
        fraction, passed = self.course.at(stage, share), clock_text(self.course.passed)
        print(
            f"{fraction:4.0%} {passed}  {stage}: {message}{self.course.left()}",
            file=self.stream,
            flush=True,
        )
        _log.info("%s: %s", stage, message)
