"""Worker process of an ONNX model in ONNX Runtime: an ONNX source, or the artifact.

Commands (arguments → result) are the methods of ``OnnxEngine``; tensors travel as
safetensors files. One thread, CPU.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnxruntime

from modelservice_runtime.contract.codec import encode

from . import onnx_model, onnx_providers, samples, timing
from .errors import MODEL_INVALID, UserError
from .techniques.versions import versions_of
from .tensors import read, specs, write
from .worker_loop import Handler, Reply, is_out_of_memory, serve

ON_THE_CPU: onnx_providers.Providers = ((onnx_providers.CPU, {}),)
#: ONNX Runtime is another package with a GPU.
_VERSIONS = ("onnx", "onnxruntime", "onnxruntime-gpu", "onnxscript")


class OnnxEngine:
    """An ONNX file, one session to run and one to time it."""

    def __init__(self) -> None:
        self._model: Path | None = None
        self._runner: Any = None
        self._timed: Any = None

    def load(self, source: str, samples_file: str) -> Reply:
        """An ONNX source: check it, write its example inputs.

        ``run`` then uses no graph optimizations (the reference), ``time`` the usual ones.
        """
        model = onnx_model.find_model(Path(source))
        interface = onnx_model.check(model)
        arrays, notes = samples.sample_inputs(model, interface)
        write(Path(samples_file), arrays)
        self._model = model
        self._runner = _session(model, optimized=False)
        self._timed = _session(model, optimized=True)
        return {"inputs": encode(specs(arrays)), "notes": notes}

    def export(self, target: str, max_batch_size: int) -> Reply:
        """Write the tidied model; ``max_batch_size`` does not matter for ONNX."""
        del max_batch_size
        if self._model is None:
            raise RuntimeError("load comes first")
        onnx_model.tidy(self._model, Path(target))
        return {"techniques": list(onnx_model.TECHNIQUES), "versions": _versions()}

    def open(self, model: str, precision: str) -> Reply:
        """A candidate: its interface, a session as it will be served.

        ``precision`` does not matter: an ONNX graph says in itself what is computed in what.
        """
        del precision
        interface = onnx_model.check(Path(model))
        providers = onnx_providers.beside(Path(model))
        self._runner = self._timed = _session(Path(model), optimized=True, providers=providers)
        return {"interface": encode(interface), "versions": _versions()}

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``."""
        names = [tensor.name for tensor in self._runner.get_outputs()]
        try:
            values = self._runner.run(names, read(Path(inputs)))
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise UserError(
                MODEL_INVALID, f"ONNX Runtime cannot run the model: {str(error)[:400]}"
            ) from error
        write(Path(outputs), dict(zip(names, values, strict=True)))
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        arrays = read(Path(inputs))
        return {"milliseconds": timing.repeat(lambda: self._timed.run(None, arrays), seconds)}


def _session(
    model: Path, *, optimized: bool, providers: onnx_providers.Providers = ON_THE_CPU
) -> Any:  # noqa: ANN401 - untyped package
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    )
    try:
        return onnxruntime.InferenceSession(str(model), options, list(providers))
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise UserError(
            MODEL_INVALID, f"ONNX Runtime cannot load {model.name}: {str(error)[:400]}"
        ) from error


def _versions() -> dict[str, str]:
    return dict(versions_of(*_VERSIONS))


def main() -> None:
    """Serve one parent until it closes the pipe."""
    engine = OnnxEngine()
    handlers: dict[str, Handler] = {
        "load": engine.load,
        "export": engine.export,
        "open": engine.open,
        "run": engine.run,
        "time": engine.time,
    }
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
