"""What the worker of a TensorFlow source is asked for: load, run, export, time."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from modelservice_runtime.contract.codec import encode

from . import samples, tensorflow_exporting, tensorflow_program, timing
from .tensorflow_finding import find_model, samples_anchor
from .tensorflow_loading import load_program
from .tensorflow_program import Program
from .tensors import Arrays, read, specs, write
from .worker_loop import Reply

_VERSIONS = ("keras", "onnx", "onnxscript", "tensorflow-cpu", "tf2onnx")


class TensorflowEngine:
    """The traced model; it runs as a ``tf.function``, which is how TensorFlow itself serves."""

    def __init__(self) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._program: Program | None = None
        self._outputs: Arrays = {}

    def load(self, source: str, samples_file: str, module_path: Sequence[str] = ()) -> Reply:
        """Find and load the model, write its example inputs to ``samples_file``.

        ``module_path``: where the requirements are installed: Keras itself imports the layers of
        its sister packages (KerasHub), and of no others.
        """
        sys.path.extend(module_path)
        model = find_model(Path(source))
        program = load_program(model)
        anchor = samples_anchor(model, Path(source))
        arrays, notes = samples.sample_inputs(anchor, program.interface)
        self._outputs = tensorflow_program.try_out(program, arrays)
        self._program = program
        write(Path(samples_file), arrays)
        return {"inputs": encode(specs(arrays)), "notes": notes}

    def export(self, target: str, max_batch_size: int) -> Reply:
        """Write the ONNX file; its batch is open, so ``max_batch_size`` does not matter."""
        del max_batch_size
        tensorflow_exporting.export(self._loaded(), self._outputs, Path(target))
        versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
        return {"techniques": list(tensorflow_exporting.TECHNIQUES), "versions": versions}

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``."""
        write(Path(outputs), tensorflow_program.call(self._loaded(), read(Path(inputs))))
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        program = self._loaded()
        tensors = tensorflow_program.feed(program, read(Path(inputs)))
        return {"milliseconds": timing.repeat(lambda: program.function(*tensors), seconds)}

    def _loaded(self) -> Program:
        if self._program is None:
            raise RuntimeError("load comes first")
        return self._program
