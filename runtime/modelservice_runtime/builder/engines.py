"""The two models as the build sees them: the source's and the artifact's worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from modelservice_runtime.contract.codec import decode
from modelservice_runtime.contract.requests import (
    AOTI,
    ONNX,
    ONNXRUNTIME,
    OPENVINO,
    PYTORCH,
    TENSORFLOW,
    TENSORRT,
    TORCH_EXPORT,
    SourceRequest,
)
from modelservice_runtime.contract.tensors import ModelInterface

from .deadline import Deadline
from .errors import ENTRYPOINT_TIMED_OUT, REQUEST_INVALID, BuildError, OutOfTime
from .tensors import Arrays, read
from .worker import Limits, Worker

_PACKAGE = "modelservice_runtime.builder"
SOURCE_MODEL = "source model"
_SOURCE_WORKERS = {
    PYTORCH: "torch_worker",
    TORCH_EXPORT: "torch_export_worker",
    ONNX: "onnx_worker",
    TENSORFLOW: "tensorflow_worker",
}
_CANDIDATE_WORKERS = {
    ONNXRUNTIME: "onnx_worker",
    OPENVINO: "openvino_worker",
    AOTI: "aoti_worker",
    TENSORRT: "tensorrt_worker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a source's ``load`` or ``export`` said."""

    notes: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


class ModelProcess:
    """A model in a process of its own; every call is bounded by the build's deadline."""

    def __init__(self, worker: Worker, deadline: Deadline, clock: Callable[[], float]) -> None:
        self._worker = worker
        self._deadline = deadline
        self._clock = clock

    @property
    def peak_bytes(self) -> int:
        """Peak resident memory of the process so far."""
        return self._worker.peak_bytes

    def load(self, source: Path, request: SourceRequest, paths: list[Path], to: Path) -> Prepared:
        """Load the source's model, write its example inputs to the file ``to``."""
        arguments: dict[str, Any] = {"source": str(source), "samples_file": str(to)}
        if request.kind == PYTORCH:
            arguments = {
                "source": str(source),
                "name": request.entrypoint,
                "module_path": [str(path) for path in paths],
                "samples": str(to),
            }
        if request.kind == TENSORFLOW:
            arguments["module_path"] = [str(path) for path in paths]
        doing = f"running entrypoint {request.entrypoint!r}" if request.entrypoint else "loading"
        reply = self._ask("load", doing, self._deadline.entrypoint_seconds, **arguments)
        return Prepared(notes=tuple(reply["notes"]))

    def export(self, target: Path, max_batch_size: int) -> Prepared:
        """Write the model as one ONNX file."""
        reply = self._ask(
            "export", "exporting to ONNX", target=str(target), max_batch_size=max_batch_size
        )
        return Prepared(techniques=tuple(reply["techniques"]), versions=reply["versions"])

    def open(self, model: Path, precision: str) -> tuple[ModelInterface, Mapping[str, str]]:
        """Open a candidate's model file; its interface and the versions that read it."""
        reply = self._ask("open", "opening it", model=str(model), precision=precision)
        return decode(ModelInterface, reply["interface"]), reply["versions"]

    def run(self, inputs: Path, outputs: Path) -> Arrays:
        """The outputs for the tensors in the file ``inputs``."""
        self._ask("run", "running the model", inputs=str(inputs), outputs=str(outputs))
        return read(outputs)

    def time(self, inputs: Path, seconds: float) -> list[float]:
        """Milliseconds of each call, for about ``seconds``."""
        reply = self._ask("time", "measuring", inputs=str(inputs), seconds=seconds)
        return [float(taken) for taken in reply["milliseconds"]]

    def _ask(
        self,
        command: str,
        doing: str,
        at_most: float | None = None,
        **arguments: Any,  # noqa: ANN401 - JSON
    ) -> Any:  # noqa: ANN401 - JSON
        remaining = self._deadline.remaining(self._clock())
        timeout = remaining if at_most is None else min(at_most, remaining)
        try:
            return self._worker.ask(command, timeout=timeout, doing=doing, **arguments)
        except OutOfTime as error:
            if error.reason == ENTRYPOINT_TIMED_OUT and at_most is not None:
                raise
            raise self._deadline.exceeded(doing) from error


def check_framework(request: SourceRequest) -> None:
    """Whether this environment can load such a source at all.

    Raises:
        BuildError: it lacks the framework; which environment has it.
    """
    if request.kind in {PYTORCH, TORCH_EXPORT} and find_spec("torch") is None:
        raise BuildError(
            REQUEST_INVALID,
            f"a {request.kind} source needs PyTorch, which is not installed here; build it in the"
            " environment of the extra 'builder' (the image modelservice-builder)",
        )


def start_source(
    request: SourceRequest, *, environment: Mapping[str, str], cwd: Path, limits: Limits
) -> Worker:
    """The worker process that fits the source's kind."""
    module = f"{_PACKAGE}.{_SOURCE_WORKERS[request.kind]}"
    return Worker(SOURCE_MODEL, module, environment=environment, cwd=cwd, limits=limits)


def start_candidate(
    name: str, engine: str, *, environment: Mapping[str, str], cwd: Path, limits: Limits
) -> Worker:
    """The worker process of a candidate; ``name`` is how messages call it."""
    module = f"{_PACKAGE}.{_CANDIDATE_WORKERS[engine]}"
    return Worker(name, module, environment=environment, cwd=cwd, limits=limits)
