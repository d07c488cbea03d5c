"""An ONNX model in ONNX Runtime."""

from __future__ import annotations

import json
from typing import Any

import onnxruntime

from .batches import Arrays
from .served import CannotServeError, Served

_PROVIDERS_FILE = "providers.json"
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_NO_GPU = f"ONNX Runtime {onnxruntime.__version__} in this image cannot use the GPU"


class OnnxRuntimeEngine:
    """One session; its outputs are arrays of their own."""

    def __init__(self, served: Served) -> None:
        """Load.

        Raises:
            CannotServeError: a GPU is wanted and ONNX Runtime does not use it.
        """
        self._outputs = list(served.outputs)
        self._session = onnxruntime.InferenceSession(
            str(served.model_file), _options(served.threads), providers=_providers(served)
        )
        # Where CUDA cannot be loaded it takes the CPU, and says so in its log only.
        if served.device is not None and _CUDA not in self._session.get_providers():
            raise CannotServeError(_NO_GPU)

    def run(self, arrays: Arrays) -> Arrays:
        """All outputs of one batch."""
        return dict(zip(self._outputs, self._session.run(self._outputs, arrays), strict=True))


def _providers(served: Served) -> list[Any]:
    """The CPU; on a GPU what the build chose (``providers.json`` beside the model), else CUDA."""
    if served.device is None:
        return [_CPU]
    if _CUDA not in onnxruntime.get_available_providers():
        raise CannotServeError(_NO_GPU)
    chosen = served.model_file.with_name(_PROVIDERS_FILE)
    if not chosen.is_file():
        # What was judged on the CPU is float32 here too: left alone, CUDA takes TF32 for it.
        return [(_CUDA, {"device_id": served.device, "use_tf32": 0})]
    entries = json.loads(chosen.read_text())
    return [(item["name"], {**item["options"], "device_id": served.device}) for item in entries]


def _options(threads: int) -> Any:  # noqa: ANN401 - onnxruntime has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread takes the core that another instance, or Triton itself, needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options
