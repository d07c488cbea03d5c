"""Measures settings one at a time on the one Triton; what one of them breaks ends only that one.

A measurement is None where it was given up: there was no time for it, the load generator had
no figures twice, Triton refused the setting, or died of it. ``notes`` say so in words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from modelservice_runtime.contract.model_config import ModelConfig

from .choice import Setting
from .deadline import Deadline
from .errors import (
    MODEL_NOT_SERVABLE,
    OUT_OF_MEMORY,
    LoadFailed,
    TooLate,
    TritonDied,
    TuneError,
    UserError,
)
from .load_runs import LoadGenerator
from .parsing import Measurement
from .runs import Run, timeout
from .server import Triton


@dataclass(slots=True, kw_only=True)
class Bench:
    """The Triton under test and what loads it. ``config``: of a setting, for Triton."""

    triton: Triton
    load: LoadGenerator
    config: Callable[[Setting], ModelConfig]
    deadline: Deadline
    notes: list[str] = field(default_factory=list)

    def first(self, setting: Setting, run: Run) -> Measurement:
        """The measurement without which there is nothing to say.

        Raises:
            TuneError: in words for the user.
        """
        try:
            return self._twice(setting, run, self.deadline)
        except TritonDied as error:
            raise _final(error, setting) from error

    def measure(self, setting: Setting, run: Run, deadline: Deadline) -> Measurement | None:
        """One measurement, or None and a note."""
        if deadline.remaining(time.monotonic()) < run.seconds:
            self._note(setting, "there was no time to measure it")
            return None
        try:
            return self._twice(setting, run, deadline)
        except (LoadFailed, TritonDied, TooLate) as error:
            self._note(setting, error.message)
        except UserError as error:
            if error.reason != MODEL_NOT_SERVABLE:
                raise
            self._note(setting, error.message)
        return None

    def _twice(self, setting: Setting, run: Run, deadline: Deadline) -> Measurement:
        """Measure; once more if the load generator had no figures although Triton lives."""
        try:
            return self._once(setting, run, deadline)
        except LoadFailed:
            if deadline.remaining(time.monotonic()) < run.seconds:
                raise
        return self._once(setting, run, deadline)

    def _once(self, setting: Setting, run: Run, deadline: Deadline) -> Measurement:
        self.triton.serve(self.config(setting), deadline)
        left = deadline.remaining(time.monotonic())
        if left == 0.0:
            raise TooLate(f"time was up before {setting.words()} was measured")
        try:
            return self.load.run(run, timeout(run, left))
        except LoadFailed:
            self.triton.check_alive()
            raise

    def _note(self, setting: Setting, why: str) -> None:
        self.notes.append(f"{setting.words()} was given up: {why}")


def _final(error: TritonDied, setting: Setting) -> TuneError:
    if not error.killed:
        return error
    return UserError(
        OUT_OF_MEMORY,
        f"Triton was killed even with {setting.words()}: the memory limit is too low for the model"
        " most likely; raise spec.serving.resources.limits.memory",
    )
