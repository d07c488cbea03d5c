"""Does the result run? A few made-up rows through ONNX Runtime, before anybody waits for it."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from modelservice_runtime.builder import samples
from modelservice_runtime.contract.tensors import ModelInterface

from .refusals import in_words

_ROWS = (1, 3)


def check_runs(model: Path, interface: ModelInterface) -> None:
    """Load ``model`` as it will be served and run batches of one row and of an odd number.

    Raises:
        CannotProduceError: it does not load or does not run, in ONNX Runtime's words.
    """
    with in_words("ONNX Runtime, loading and running the result,"):
        session = open_session(model)
        arrays = samples.made_up(interface)
        for rows in _ROWS:
            session.run(None, {name: array[:rows] for name, array in arrays.items()})


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """As it will be served: one thread, all optimizations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
