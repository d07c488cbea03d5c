"""What a build is given, and its stages: said, timed, stopped when time is up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelservice_runtime.contract.requests import BuildRequest

from .deadline import Deadline
from .progress import Sayer
from .scratch import Scratch
from .worker import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One attempt. ``clock``: seconds, monotonic. ``seconds``: per stage, filled in on the way.

    ``environment``: for pip and the workers, without secrets. ``say``: tells of the progress.
    """

    request: BuildRequest
    scratch: Scratch
    environment: Mapping[str, str]
    limits: Limits
    deadline: Deadline
    clock: Callable[[], float]
    say: Sayer
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, message: str, *, needed: bool = True) -> Iterator[None]:
        """Announce the stage, refuse it if time is up, note how long it took.

        ``needed``: without it there is no artifact. What only makes the artifact better, and
        publishing it, begins all the same, and does what is left to do.

        Raises:
            OutOfTime: the deadline has passed.
        """
        if needed:
            self.deadline.check(self.clock(), f"about to begin the stage {name!r}")
        self.say(name, message)
        begin = self.clock()
        yield
        # The stages of the search come once in each wave.
        self.seconds[name] = round(self.seconds.get(name, 0.0) + self.clock() - begin, 2)
