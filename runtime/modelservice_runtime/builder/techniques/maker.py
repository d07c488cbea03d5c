"""One step, made in a process of its own: the process, and the parent's side of it.

``python -m modelservice_runtime.builder.techniques.maker`` answers one command, ``produce``
(technique, work), by importing that one technique. A technique that does not work on the model
is told apart from one that crashes, hangs or eats the memory: the first is ``CannotProduceError``
again on the parent's side, the others are ``BuildError``s of the worker.
"""

from __future__ import annotations

import errno
import importlib
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from modelservice_runtime.builder.errors import (
    INTERNAL_ERROR,
    SCRATCH_UNUSABLE,
    BuildError,
    Infrastructure,
    UserError,
)
from modelservice_runtime.builder.recipes import Step
from modelservice_runtime.builder.worker import Limits, Worker
from modelservice_runtime.builder.worker_loop import Reply, peak_bytes, serve
from modelservice_runtime.contract.codec import decode, encode

from . import quiet
from .base import CannotProduceError, Made, Technique, Work
from .work_json import from_json, to_json

NOT_APPLICABLE = "TechniqueNotApplicable"
#: In ``Made.figures``: the most memory that the maker process had, bytes.
PEAK = "maker_peak_bytes"
_PACKAGE = "modelservice_runtime.builder.techniques"
MODULE = f"{_PACKAGE}.maker"
_NAMES = (
    "fuse", "quantize_dynamic", "quantize_static", "accuracy_control", "half", "openvino_ir",
    "openvino_int8", "prune", "aot_inductor", "tensorrt", "ort_cuda",
)  # fmt: skip
#: ``Step.technique`` → its module. Nothing else can be asked for.
REGISTRY: Mapping[str, str] = {name: f"{_PACKAGE}.{name}" for name in _NAMES}

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
#: Libraries that write in C++ say of a full disk only that writing failed.
_AS_GOOD_AS_FULL_BYTES = 1 << 20


def _never() -> bool:
    return False


def make(
    step: Step,
    work: Work,
    *,
    limits: Limits,
    environment: Mapping[str, str],
    timeout: float,
    cwd: Path,
    stop: Callable[[], bool] = _never,
    module: str = MODULE,
) -> Made:
    """Make ``step`` in a process of its own, at most ``timeout`` seconds.

    ``stop``: asked all the time; ``module``: what the process runs.

    Raises:
        CannotProduceError: the technique does not work on this model, in one sentence.
        OutOfTime: it did not end in time. UserError: it crashed or ran out of memory.
        Infrastructure: the disk is full. BuildError: a fault of the technique's own.
        Stopped: ``stop`` said so.
    """
    with Worker(step.label, module, environment=environment, cwd=cwd, limits=limits) as worker:
        try:
            reply = worker.ask(
                "produce",
                timeout=timeout,
                doing="making it",
                stop=stop,
                technique=step.technique,
                work=to_json(work),
            )
        except UserError as error:
            raise _translated(error) from error
        made = decode(Made, reply)
        _check_there(step, work, made)
        return made


def _translated(error: UserError) -> Exception:
    if error.reason == NOT_APPLICABLE:
        return CannotProduceError(error.message)
    if error.reason == SCRATCH_UNUSABLE:
        return Infrastructure(SCRATCH_UNUSABLE, error.message)
    return error


def _check_there(step: Step, work: Work, made: Made) -> None:
    path = work.target / made.model_file
    inside = path.resolve().is_relative_to(work.target.resolve())
    if not made.model_file or not inside or not path.is_file():
        raise BuildError(
            INTERNAL_ERROR, f"{step.technique} says it made {made.model_file!r}, which is not there"
        )


class Maker:
    """The process's side. ``registry``: technique → module."""

    def __init__(self, registry: Mapping[str, str]) -> None:
        self._registry = registry

    def produce(self, technique: str, work: dict[str, Any]) -> Reply:
        """Make one step; what it left behind.

        Raises:
            UserError: the technique does not work on this model.
            Infrastructure: the disk is full.
        """
        task = from_json(work)
        module = importlib.import_module(self._registry[technique])
        made = _produced(cast("Technique", module.TECHNIQUE), task)
        figures = {**made.figures, PEAK: float(peak_bytes())}
        return cast("Reply", encode(replace(made, figures=figures)))


def _produced(technique: Technique, work: Work) -> Made:
    try:
        return technique.produce(work)
    except Exception as error:
        if _disk_is_full(error, work.target):
            raise Infrastructure(
                SCRATCH_UNUSABLE,
                f"the builder's scratch folder is full ({technique.name} was writing); give the"
                " build Job more ephemeral storage, or a smaller source",
            ) from error
        if isinstance(error, CannotProduceError):
            raise UserError(NOT_APPLICABLE, str(error)) from error
        raise


def _disk_is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return shutil.disk_usage(folder).free < _AS_GOOD_AS_FULL_BYTES


def main(registry: Mapping[str, str] = REGISTRY) -> None:
    """Serve one parent until it closes the pipe."""
    quiet.forbid_telemetry()
    quiet.no_advice()
    serve({"produce": Maker(registry).produce}, sys.argv[1:])


if __name__ == "__main__":
    main()
