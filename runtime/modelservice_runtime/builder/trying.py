"""One candidate, run: does it load, fit, stay finite, and still do the task?

Not timed here, so candidates may be tried side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelservice_runtime.contract.tensors import ModelInterface

from . import parity
from .baseline import Baseline
from .engines import ModelProcess, start_candidate
from .errors import BuildError, Infrastructure, Interrupted, OutOfTime
from .evaluating import Scoring
from .gate.evidence import Evidence
from .producing import Product
from .recipes import Recipe
from .rows import not_finite, run_all
from .stages import Build
from .tensors import Arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was seen.

    ``fault``: why it cannot be served at all, in one sentence, or empty; ``no_time``: because
    time was up.
    ``doubt``: why its metric does not keep the goals on the selection part, or empty; it does
    not get to the gate then. ``evidence``: on the gate's part, None where it did not get there
    or nothing is scored. ``answers``: to the samples, one row at a time.
    """

    recipe: Recipe
    product: Product
    fault: str = ""
    no_time: bool = False
    doubt: str = ""
    parity: tuple[parity.Difference, ...] = ()
    selection_value: float | None = None
    evidence: Evidence | None = None
    peak_bytes: int = 0
    answers: Arrays = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


class _Fault(Exception):  # noqa: N818 - found in the candidate, not in us
    """It cannot be served; one sentence."""


def try_out(build: Build, baseline: Baseline, scoring: Scoring | None, trial: Trial) -> Trial:
    """``trial`` (a recipe and its product) with everything that running it shows.

    Raises:
        Interrupted: the build was told to stop.
        OSError: the scratch folder cannot be written.
    """
    scratch = trial.product.folder.parent / f"outputs-{trial.product.folder.name}.safetensors"
    worker = start_candidate(
        trial.recipe.name,
        trial.recipe.engine,
        environment=build.environment,
        cwd=build.scratch.work,
        limits=build.limits,
    )
    with worker:
        model = ModelProcess(worker, build.deadline, build.clock)
        try:
            return _Tryout(build, baseline, scoring, model, scratch).run(trial)
        except (Interrupted, Infrastructure):
            raise
        except (BuildError, _Fault) as error:
            late = isinstance(error, OutOfTime)
            return with_fault(trial, str(error), worker.peak_bytes, no_time=late)
        finally:
            scratch.unlink(missing_ok=True)


def with_fault(trial: Trial, fault: str, peak_bytes: int = 0, *, no_time: bool = False) -> Trial:
    """``trial`` as one that cannot be served, because of ``fault``."""
    return Trial(
        recipe=trial.recipe,
        product=trial.product,
        fault=fault,
        no_time=no_time,
        peak_bytes=peak_bytes,
    )


@dataclass(frozen=True, slots=True)
class _Tryout:
    """The steps of one trial; each raises what makes the candidate useless."""

    build: Build
    baseline: Baseline
    scoring: Scoring | None
    model: ModelProcess
    scratch: Path

    def run(self, trial: Trial) -> Trial:
        """All steps."""
        interface, versions = self.model.open(trial.product.model, trial.recipe.precision)
        _check_interface(interface, self.baseline.interface)
        differences = self._compare(trial.recipe)
        answers = run_all(self.model, self.baseline.sample_rows, self.scratch)
        value, doubt, evidence = self._score(trial.recipe)
        return Trial(
            recipe=trial.recipe,
            product=trial.product,
            doubt=doubt,
            parity=differences,
            selection_value=value,
            evidence=evidence,
            peak_bytes=self.model.peak_bytes,
            answers=answers,
            versions=versions,
        )

    def _compare(self, recipe: Recipe) -> tuple[parity.Difference, ...]:
        tolerance = self.build.request.parity if recipe.exact else None
        found: list[parity.Difference] = []
        for batch, inputs in self.baseline.batches.items():
            actual = self.model.run(inputs, self.scratch)
            expected = self.baseline.expected[batch]
            found += parity.compare(expected, actual, batch=batch, tolerance=tolerance)
        reason = parity.verdict(found)
        if reason:
            raise _Fault(reason)
        return tuple(found)

    def _score(self, recipe: Recipe) -> tuple[float | None, str, Evidence | None]:
        if self.scoring is None:
            return None, "", None
        seen = self._outputs(self.scoring, "selection")
        first = self.scoring.evidence("selection", seen)
        value = first.candidate_value if first else None
        doubt = self.scoring.doubt(first) if first and not recipe.exact else ""
        if doubt:
            return value, doubt, None
        seen = self._outputs(self.scoring, "gate")
        if recipe.exact:
            self._check_rows(self.scoring.expected["gate"], seen)
        return value, "", self.scoring.evidence("gate", seen)

    def _outputs(self, scoring: Scoring, part: str) -> Arrays:
        outputs = run_all(self.model, scoring.batches[part], self.scratch)
        name, rows = not_finite(outputs)
        if rows:
            total = len(outputs[name])
            raise _Fault(
                f"output {name!r} has NaN or Inf for {rows} of {total} rows of the evaluation data"
            )
        return outputs

    def _check_rows(self, expected: Arrays, actual: Arrays) -> None:
        """What calls itself exact must be so on all the data, not on the samples alone."""
        rows = len(next(iter(actual.values()), ()))
        found = parity.compare(expected, actual, batch=rows, tolerance=self.build.request.parity)
        reason = parity.verdict(found)
        if reason:
            raise _Fault(f"on the evaluation data: {reason}")


def _check_interface(found: ModelInterface, wanted: ModelInterface) -> None:
    """Raises _Fault, naming the first tensor that differs (open axes fit any size)."""
    for kind, here, there in (
        ("input", found.inputs, wanted.inputs),
        ("output", found.outputs, wanted.outputs),
    ):
        if [spec.name for spec in here] != [spec.name for spec in there]:
            names = ", ".join(spec.name for spec in here)
            raise _Fault(f"its {kind}s are {names}, not {', '.join(s.name for s in there)}")
        for one, other in zip(here, there, strict=True):
            if one.datatype != other.datatype or len(one.dims) != len(other.dims):
                raise _Fault(
                    f"{kind} {one.name!r} is {one.datatype} {list(one.dims)}, the source model's is"
                    f" {other.datatype} {list(other.dims)}"
                )
