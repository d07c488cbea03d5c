"""The metric Entrypoint: the user's function, in a process of its own for every call.

A process for each call costs the import of the user's module every time; in exchange nothing
that one candidate's outputs do to it (hang, crash, eat memory) reaches another's score.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelservice_runtime.builder.errors import OutOfTime, UserError
from modelservice_runtime.builder.gate.evidence import Evidence, Scores
from modelservice_runtime.builder.tensors import Arrays
from modelservice_runtime.builder.worker import Limits, Worker

from .broken import NotScoredError
from .given import Data

_MODULE = "modelservice_runtime.builder.evaluation.metric_worker"
_DOING = "computing spec.evaluation.entrypoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCode:
    """Where the user's code is and what it may use.

    ``source``: the folder; ``module_path``: where its requirements are installed; ``scratch``:
    a folder to write to; ``environment``: of the process; ``seconds``: for one call.
    """

    source: Path
    module_path: tuple[Path, ...]
    scratch: Path
    environment: Mapping[str, str]
    limits: Limits
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMetric:
    """A ``Rule`` (see ``metric``). ``entrypoint``: ``module:function``."""

    entrypoint: str
    code: UserCode

    def __call__(self, part: Data, source: Arrays) -> Callable[[Arrays], Evidence]:
        """Score the source model; how candidates are scored.

        Raises:
            UserError: the function fails on the source model's outputs, in words.
            OutOfTime: it does not return.
        """
        folder = Path(tempfile.mkdtemp(prefix="metric-", dir=self.code.scratch))
        (folder / "inputs").mkdir()
        _write_arrays(folder / "inputs", part.inputs)
        if part.labels is not None:
            write_array(folder / "labels.npy", part.labels)
        before = self._scores(folder, source, len(part))

        def scored(candidate: Arrays) -> Evidence:
            after = before if candidate is source else self._candidate(folder, candidate, len(part))
            return Scores(source=before, candidate=after, more_is_better=True, seed=part.seed)

        return scored

    def _candidate(self, folder: Path, outputs: Arrays, rows: int) -> np.ndarray:
        """The function was right on the source model's outputs: now the candidate is at fault."""
        try:
            return self._scores(folder, outputs, rows)
        except (UserError, OutOfTime) as error:
            raise NotScoredError(error.message, rows) from error

    def _scores(self, part: Path, outputs: Arrays, rows: int) -> np.ndarray:
        own = Path(tempfile.mkdtemp(prefix="scored-", dir=part))
        try:
            (own / "outputs").mkdir()
            _write_arrays(own / "outputs", outputs)
            with self._worker() as worker:
                worker.ask(
                    "score",
                    timeout=self.code.seconds,
                    doing=_DOING,
                    source=str(self.code.source),
                    module_path=[str(path) for path in self.code.module_path],
                    entrypoint=self.entrypoint,
                    part=str(part),
                    outputs=str(own / "outputs"),
                    scores_file=str(own / "scores.npy"),
                    rows=rows,
                )
            found: np.ndarray = np.load(own / "scores.npy", allow_pickle=False)
            return found
        finally:
            shutil.rmtree(own)

    def _worker(self) -> Worker:
        return Worker(
            "the metric",
            _MODULE,
            environment=self.code.environment,
            cwd=self.code.scratch,
            limits=self.code.limits,
        )


@dataclass(frozen=True, slots=True)
class _Sink:
    """A stream that numpy does not take for a file: a full disk is then an error with a number."""

    write: Callable[[bytes], int]


def _write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        write_array(folder / f"{name}.npy", array)


def write_array(path: Path, array: np.ndarray) -> None:
    """``array`` as a ``.npy`` file.

    Raises:
        OSError: it cannot be written; with its number.
    """
    with path.open("wb") as stream:
        np.lib.format.write_array(_Sink(stream.write), array, allow_pickle=False)
