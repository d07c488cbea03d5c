"""Worker process of a TensorRT engine: open, run, time. Tensors travel as safetensors files.

A call is timed as Triton makes it: rows to the GPU, the engine, answers back.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from . import timing
from .aoti_worker import check_fit
from .errors import MODEL_INVALID, UserError
from .techniques.versions import versions_of
from .tensors import datatype
from .worker_loop import Handler, Reply, serve

Tensors = dict[str, torch.Tensor]


class TensorrtEngine:
    """One engine with its first optimization profile."""

    def __init__(self) -> None:
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._interface = ModelInterface(inputs=(), outputs=())
        self._most_rows = 1

    def open(self, model: str, precision: str) -> Reply:
        """Load the plan; ``precision`` does not matter: it is compiled in.

        Raises:
            UserError: it was made by another TensorRT or for another GPU.
        """
        del precision
        trt = importlib.import_module("tensorrt")
        # The engine lives no longer than its runtime.
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
        self._engine = self._runtime.deserialize_cuda_engine(Path(model).read_bytes())
        if self._engine is None:
            raise UserError(
                MODEL_INVALID,
                f"{Path(model).name} cannot be loaded: it is for another version of TensorRT or"
                " another GPU; the Job's log says which",
            )
        self._context = self._engine.create_execution_context()
        self._interface = _interface(trt, self._engine)
        first = self._interface.inputs[0].name
        self._most_rows = int(self._engine.get_tensor_profile_shape(first, 0)[2][0])
        return {"interface": encode(self._interface), "versions": dict(versions_of("tensorrt"))}

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``.

        More rows than the engine takes at once go in parts.
        """
        given = self._checked(Path(inputs))
        rows = len(next(iter(given.values())))
        parts = [
            self._call({name: tensor[at : at + self._most_rows] for name, tensor in given.items()})
            for at in range(0, rows, self._most_rows)
        ]
        names = [spec.name for spec in self._interface.outputs]
        save_file({name: torch.cat([part[name] for part in parts]) for name in names}, outputs)
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        given = self._checked(Path(inputs))
        return {"milliseconds": timing.repeat(lambda: self._call(given), seconds)}

    def _checked(self, file: Path) -> Tensors:
        given = load_file(file)
        for spec in self._interface.inputs:
            check_fit(spec, given.get(spec.name))
        return {spec.name: given[spec.name] for spec in self._interface.inputs}

    def _call(self, inputs: Mapping[str, torch.Tensor]) -> Tensors:
        stream = torch.cuda.current_stream()
        held = {name: tensor.cuda().contiguous() for name, tensor in inputs.items()}
        for name, tensor in held.items():
            if not self._context.set_input_shape(name, tuple(tensor.shape)):
                raise UserError(
                    MODEL_INVALID,
                    f"input {name!r} has shape {list(tensor.shape)}, beyond what the engine was"
                    " compiled for",
                )
            self._context.set_tensor_address(name, tensor.data_ptr())
        answers = {spec.name: self._room(spec) for spec in self._interface.outputs}
        for name, tensor in answers.items():
            self._context.set_tensor_address(name, tensor.data_ptr())
        if not self._context.execute_async_v3(stream.cuda_stream):
            raise UserError(MODEL_INVALID, "TensorRT cannot run the model; the Job's log says why")
        stream.synchronize()
        return {name: tensor.cpu() for name, tensor in answers.items()}

    def _room(self, spec: TensorSpec) -> torch.Tensor:
        trt = importlib.import_module("tensorrt")
        kind = np.dtype(trt.nptype(self._engine.get_tensor_dtype(spec.name))).name
        shape = tuple(self._context.get_tensor_shape(spec.name))
        return torch.empty(shape, dtype=getattr(torch, kind), device="cuda")


def _interface(trt: Any, engine: Any) -> ModelInterface:  # noqa: ANN401 - an untyped package
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    is_input = {n: engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT for n in names}
    specs = {name: _spec(trt, engine, name) for name in names}
    return ModelInterface(
        inputs=tuple(specs[name] for name in names if is_input[name]),
        outputs=tuple(specs[name] for name in names if not is_input[name]),
    )


def _spec(trt: Any, engine: Any, name: str) -> TensorSpec:  # noqa: ANN401 - an untyped package
    kind = np.dtype(trt.nptype(engine.get_tensor_dtype(name))).name
    sizes = tuple(int(size) for size in engine.get_tensor_shape(name))
    return TensorSpec(name=name, datatype=datatype(name, kind), dims=sizes[1:])


def main() -> None:
    """Serve one parent until it closes the pipe."""
    engine = TensorrtEngine()
    handlers: dict[str, Handler] = {"open": engine.open, "run": engine.run, "time": engine.time}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
