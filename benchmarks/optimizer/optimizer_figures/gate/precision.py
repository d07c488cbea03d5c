"""Silent bf16: no metric sees it, so an assertion has to.

Runs in the builder's environment. OpenVINO left alone computes a float32 model in bfloat16 where
the CPU has it, and takes bfloat16 where float16 is asked for and not there. Each way to that is
gone here through the code that opens candidates in the builder and variants in the serving pod;
where a setting has to be forgotten for it, it is taken out of what that code sets.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from modelservice_runtime.builder import openvino_worker
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.recipes import BF16, FP16, FP32
from modelservice_runtime.builder.techniques import openvino_ir, openvino_model
from modelservice_runtime.builder.techniques.base import SourceAccess, Work
from modelservice_runtime.contract.requests import OPENVINO, PYTORCH, SourceRequest
from modelservice_runtime.serve.runner import engine_openvino
from modelservice_runtime.serve.runner.served import CannotServeError, Served

from .findings import Precision
from .population import Population
from .sources import Source
from .task import Task

_BATCH = 32
_SECONDS = 300.0
_HINT = openvino_model.PRECISION_HINT
#: The functions that say what is set, in the builder and in the runner.
_BUILDER, _RUNNER = (openvino_model, "settings"), (engine_openvino, "_settings")


def precision(source: Source, population: Population, task: Task) -> Precision:
    """Every way to bf16 that this CPU has, and what it would cost if nobody noticed."""
    with tempfile.TemporaryDirectory() as folder:
        model = _ir(source, Path(folder))
        ways = {name: _refusal(attempt) for name, attempt in _ways(source, model).items()}
        right = _answers(openvino_model.compile_model(model, FP32), population)
        silent = _answers(_left_alone(model), population)
    whole = np.arange(len(silent))
    return Precision(
        ways=ways,
        rows=len(population),
        goal=task.goal.value,
        asserted_difference=_difference(right, task.expected),
        silent_difference=_difference(silent, task.expected),
        silent_drop=task.estimate(whole, silent),
        silent_outcome=task.judge(task.evidence(whole, silent)).outcome,
    )


def _ways(source: Source, model: Path) -> Mapping[str, Callable[[], object]]:
    """By name. What this CPU does not compute in cannot be taken silently, and is no way here."""
    core = openvino_model.openvino.Core()
    can = core.get_property(openvino_model.DEVICE, "OPTIMIZATION_CAPABILITIES")
    found: dict[str, Callable[[], object]] = {
        "builder: declared fp32, opened as bf16": lambda: _open(model, BF16),
    }
    if "BF16" in can:
        found |= {
            "builder: fp32, compiled with the hint bf16": lambda: _open(model, FP32, "bf16"),
            "builder: fp32, compiled without a hint": lambda: _open(model, FP32, None),
            "runner: fp32, compiled with the hint bf16": lambda: _serve(model, FP32, "bf16"),
            "runner: fp32, compiled without a hint": lambda: _serve(model, FP32, None),
        }
    if "FP16" not in can:
        found |= {
            "builder: fp16, which this CPU has not": lambda: _open(source.path, FP16),
            "runner: fp16, which this CPU has not": lambda: _serve(source.path, FP16),
        }
    return found


def _refusal(attempt: Callable[[], object]) -> str:
    """Why it was refused; empty if it was not."""
    try:
        attempt()
    except (UserError, CannotServeError) as error:
        return str(error)
    return ""


def _open(model: Path, wanted: str, hint: str | None = "") -> object:
    """As the builder's worker does. ``hint``: another one; None for none at all."""
    with _hinted(*_BUILDER, hint):
        return openvino_worker.OpenvinoEngine().open(str(model), wanted)


def _serve(model: Path, wanted: str, hint: str | None = "") -> object:
    """As the runner in the serving pod does."""
    served = Served(
        variant="candidate",
        engine=OPENVINO,
        precision=wanted,
        model_file=model,
        inputs=("image",),
        outputs=("logits",),
        threads=1,
        device=None,
    )
    with _hinted(*_RUNNER, hint):
        return engine_openvino.OpenVinoEngine(served)


@contextmanager
def _hinted(module: ModuleType, name: str, hint: str | None) -> Iterator[None]:
    """What ``module`` sets has the precision hint ``hint``: as it is if empty, none if None."""
    if hint == "":
        yield
        return
    usual = getattr(module, name)

    def settings(*args: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever the usual one takes
        found = {key: value for key, value in usual(*args).items() if key != _HINT}
        return found if hint is None else {**found, _HINT: hint}

    with mock.patch.object(module, name, settings):
        yield


def _ir(source: Source, folder: Path) -> Path:
    """The model as the builder writes it for OpenVINO, declared fp32."""
    work = Work(
        parent=source.path,
        target=folder,
        parameters={"precision": FP32},
        source=SourceAccess(request=SourceRequest(kind=PYTORCH, uri=""), folder=source.folder),
        max_batch_size=_BATCH,
        seconds=_SECONDS,
    )
    return folder / openvino_ir.TECHNIQUE.produce(work).model_file


def _left_alone(model: Path) -> Any:  # noqa: ANN401 - untyped package
    """Compiled as one does who does not know: no precision asked for, none looked at."""
    words = dict(openvino_model.settings(FP32))
    del words[_HINT]
    return openvino_model.openvino.Core().compile_model(str(model), openvino_model.DEVICE, words)


def _answers(compiled: Any, population: Population) -> np.ndarray:  # noqa: ANN401 - untyped package
    request, found = compiled.create_infer_request(), []
    for first in range(0, len(population), _BATCH):
        rows = dict(population.rows(first, min(first + _BATCH, len(population))))
        found.append(np.array(request.infer(rows)[0], copy=True))
    return np.concatenate(found)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())
