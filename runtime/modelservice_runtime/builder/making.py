"""One step of a recipe, made in a process of its own: what the production calls."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import SCRATCH_UNUSABLE, BuildError, Infrastructure, Interrupted, OutOfTime
from .producing import CannotMakeError, Steps
from .recipes import Step
from .stages import Build
from .techniques.base import CannotProduceError, Made, SourceAccess, Work
from .techniques.maker import make

#: No step may use up what the others need; the rest of the time is for those after it.
STEP_SHARE = 0.4
#: Of a step's time, what its training may take; the rest is for pruning and exporting.
TRAINING_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMaker:
    """``calibration``, ``selection``: files of the data's parts, None where there are none."""

    build: Build
    source: SourceAccess
    calibration: Path | None
    selection: Path | None

    def __call__(self, chain: Steps, parent: Path, folder: Path, stop: Callable[[], bool]) -> Made:
        """Make the last step of ``chain`` from the model file ``parent`` into ``folder``.

        Raises:
            CannotMakeError: in one sentence; the build goes on.
            Stopped: ``stop`` said that it is not needed any more.
        """
        step, build = chain[-1], self.build
        seconds = build.deadline.remaining(build.clock()) * STEP_SHARE
        pruning = build.request.optimization.pruning
        work = Work(
            parent=parent,
            target=folder,
            parameters=step.parameters,
            source=self.source,
            max_batch_size=build.request.max_batch_size,
            seconds=seconds * TRAINING_SHARE,
            calibration=self.calibration if step.calibrated else None,
            selection=self.selection if step.judged else None,
            training_entrypoint=pruning.training_entrypoint if pruning else "",
        )
        try:
            return self._in_a_folder_of_its_own(step, work, seconds, stop)
        except CannotProduceError as error:
            raise CannotMakeError(str(error)) from error
        except Infrastructure as error:
            if error.reason != SCRATCH_UNUSABLE:
                raise
            # What it wrote gives its room back to the candidates after it.
            shutil.rmtree(folder, ignore_errors=True)
            raise CannotMakeError(error.message) from error
        except Interrupted:
            raise
        except OutOfTime as error:
            words = f"it was not made within {seconds:.0f} s, its share of the build's time"
            raise CannotMakeError(words, no_time=True) from error
        except BuildError as error:
            raise CannotMakeError(error.message) from error

    def _in_a_folder_of_its_own(
        self, step: Step, work: Work, seconds: float, stop: Callable[[], bool]
    ) -> Made:
        """What a step leaves in temporary files, above all one that crashed, goes with it."""
        build = self.build
        with tempfile.TemporaryDirectory(
            dir=build.scratch.root, prefix="step-", ignore_cleanup_errors=True
        ) as temporary:
            return make(
                step,
                work,
                environment={**build.environment, "TMPDIR": temporary},
                cwd=build.scratch.work,
                limits=build.limits,
                timeout=seconds,
                stop=stop,
            )
