"""What the workers of a torch source share: hold a module, write its examples, run and time it."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from modelservice_runtime.contract.codec import encode

from . import module_calls, timing
from .entrypoint import Loaded
from .errors import MODEL_INVALID, UserError
from .tensors import specs
from .worker_loop import Handler, Reply, serve

_VERSIONS = ("torch", "onnx", "onnxscript")
_COMMANDS = ("load", "export", "run", "time")
_TOLERANCE = 1e-3


class ModuleEngine:
    """Base of the engines; each adds ``load`` and ``export``.

    ``pinned``: a digest pins the source's bytes.
    """

    def __init__(self, *, pinned: bool) -> None:
        self.pinned = pinned
        self._loaded: Loaded | None = None
        self.output_names: tuple[str, ...] = ()

    def keep(self, loaded: Loaded, samples_file: Path) -> Reply:
        """Try the module out, keep it, write its example inputs; the answer to ``load``.

        Raises:
            UserError: it does not run, does not fit what can be served, or answers at random.
            MemoryError: an allocation failed.
        """
        outputs = module_calls.try_out(loaded.module, loaded.inputs, loaded.output_names)
        self._loaded, self.output_names = loaded, tuple(outputs)
        self._check_repeatable(outputs)
        save_file(loaded.inputs, samples_file)
        arrays = {name: tensor.numpy() for name, tensor in loaded.inputs.items()}
        return {"inputs": encode(specs(arrays)), "notes": list(loaded.notes)}

    @property
    def loaded(self) -> Loaded:
        """What ``keep`` was given."""
        if self._loaded is None:
            raise RuntimeError("load comes first")
        return self._loaded

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``."""
        save_file(self._call(dict(load_file(inputs))), outputs)
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        tensors = dict(load_file(inputs))
        return {"milliseconds": timing.repeat(lambda: self._call(tensors), seconds)}

    def _call(self, inputs: module_calls.Tensors) -> module_calls.Tensors:
        return module_calls.call(self.loaded.module, inputs, self.output_names)

    def _check_repeatable(self, outputs: module_calls.Tensors) -> None:
        again = self._call(self.loaded.inputs)
        for name, tensor in outputs.items():
            if not torch.allclose(
                tensor, again[name], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
            ):
                raise UserError(
                    MODEL_INVALID,
                    f"output {name!r} differs between two calls on the same inputs; a served model"
                    " must give the same answer (is there randomness in forward()?)",
                )


def versions() -> dict[str, str]:
    """The packages that decide an export's bytes."""
    return {name: importlib.metadata.version(name) for name in _VERSIONS}


def serve_engine(engine: ModuleEngine) -> None:
    """Serve one parent until it closes the pipe."""
    torch.set_num_threads(1)
    handlers: dict[str, Handler] = {name: getattr(engine, name) for name in _COMMANDS}
    serve(handlers, sys.argv[1:])
