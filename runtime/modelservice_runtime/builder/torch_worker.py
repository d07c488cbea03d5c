"""Worker process of a PyTorch source: load, run, export, time. Holds the eager module.

Commands (arguments → result) are the methods of ``TorchEngine``; tensors travel as
safetensors files. One thread, so that times compare with the artifact's.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from modelservice_runtime.contract.codec import encode

from . import entrypoint, exporting, module_calls, timing
from .errors import MODEL_INVALID, UserError
from .tensors import specs
from .worker_loop import Handler, Reply, serve

_VERSIONS = ("torch", "onnx", "onnxscript")


class TorchEngine:
    """The eager module and what it is asked for."""

    def __init__(self) -> None:
        self._loaded: entrypoint.Loaded | None = None
        self._output_names: tuple[str, ...] = ()

    def load(self, source: str, name: str, module_path: list[str], samples: str) -> Reply:
        """Run the entrypoint, check what it gives, write the example inputs to ``samples``."""
        loaded = entrypoint.load(Path(source), name, module_path)
        outputs = module_calls.try_out(loaded.module, loaded.inputs, loaded.output_names)
        self._loaded, self._output_names = loaded, tuple(outputs)
        self._check_repeatable(outputs)
        save_file(loaded.inputs, samples)
        arrays = {name: tensor.numpy() for name, tensor in loaded.inputs.items()}
        return {"inputs": encode(specs(arrays)), "notes": list(loaded.notes)}

    def export(self, target: str, max_batch_size: int) -> Reply:
        """Write the ONNX file."""
        loaded = self._module()
        exporting.export(
            loaded.module,
            loaded.inputs,
            self._output_names,
            dynamic_axes=loaded.dynamic_axes,
            max_batch_size=max_batch_size,
            target=Path(target),
        )
        versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
        return {"techniques": list(exporting.TECHNIQUES), "versions": versions}

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``."""
        save_file(self._call(dict(load_file(inputs))), outputs)
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        tensors = dict(load_file(inputs))
        return {"milliseconds": timing.repeat(lambda: self._call(tensors), seconds)}

    def _call(self, inputs: module_calls.Tensors) -> module_calls.Tensors:
        return module_calls.call(self._module().module, inputs, self._output_names)

    def _module(self) -> entrypoint.Loaded:
        if self._loaded is None:
            raise RuntimeError("load comes first")
        return self._loaded

    def _check_repeatable(self, outputs: module_calls.Tensors) -> None:
        again = self._call(self._module().inputs)
        for name, tensor in outputs.items():
            if not torch.allclose(tensor, again[name], rtol=1e-3, atol=1e-3, equal_nan=True):
                raise UserError(
                    MODEL_INVALID,
                    f"output {name!r} differs between two calls on the same inputs; a served model"
                    " must give the same answer (is there randomness in forward()?)",
                )


def main() -> None:
    """Serve one parent until it closes the pipe."""
    torch.set_num_threads(1)
    engine = TorchEngine()
    handlers: dict[str, Handler] = {
        "load": engine.load,
        "export": engine.export,
        "run": engine.run,
        "time": engine.time,
    }
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
