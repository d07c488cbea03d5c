"""The Python-backend runner: an ONNX model in ONNX Runtime, one call for a whole batch.

Triton's dynamic batcher hands over several requests at once; their rows are joined, run as
one, and cut apart again. Stands in for Triton's own onnxruntime backend where there is none
(the PyPI package); the model configuration is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

MODEL_FILE = "model.onnx"
#: With numpy 2 this version of Triton returns empty outputs and says nothing.
_NUMPY_TOO_NEW = 2

Arrays = dict[str, Any]


class TritonPythonModel:
    """What Triton's Python backend drives; one object and one process per instance."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model beside this file.

        Raises:
            pb_utils.TritonModelException: the environment cannot serve; says why.
        """
        if int(np.__version__.partition(".")[0]) >= _NUMPY_TOO_NEW:
            raise pb_utils.TritonModelException(
                f"numpy {np.__version__} is installed; Triton's Python backend needs numpy < 2"
            )
        config = json.loads(args["model_config"])
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        path = Path(args["model_repository"], args["model_version"], MODEL_FILE)
        self.session = onnxruntime.InferenceSession(
            str(path), _session_options(config), providers=["CPUExecutionProvider"]
        )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response per request, in order."""
        rows = [self._arrays(request) for request in requests]
        try:
            results = split(self._run(join(rows)), [count(arrays) for arrays in rows])
        except Exception:  # noqa: BLE001 - whatever it is, each request is asked for its own part
            return [self._alone(*pair) for pair in zip(requests, rows, strict=True)]
        pairs = zip(requests, results, strict=True)
        return [self._response(request, arrays) for request, arrays in pairs]

    def _arrays(self, request: Any) -> Arrays:  # noqa: ANN401 - pb_utils has no types
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self.inputs
        }

    def _run(self, arrays: Arrays) -> Arrays:
        return dict(zip(self.outputs, self.session.run(self.outputs, arrays), strict=True))

    def _alone(self, request: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - pb_utils has no types
        """The answer to one request by itself, so that a bad one harms no other."""
        try:
            return self._response(request, self._run(arrays))
        except Exception as error:  # noqa: BLE001 - the client is told, the server goes on
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))

    def _response(self, request: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - pb_utils has no types
        wanted = request.requested_output_names()
        tensors = [
            pb_utils.Tensor(name, np.ascontiguousarray(arrays[name]))
            for name in self.outputs
            if name in wanted
        ]
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _session_options(config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - onnxruntime has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _parameter(config, "intra_op_thread_count")
    options.inter_op_num_threads = _parameter(config, "inter_op_thread_count")
    # A spinning thread takes the core that another instance, or Triton itself, needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _parameter(config: Mapping[str, Any], name: str) -> int:
    value = config.get("parameters", {}).get(name, {}).get("string_value", "1")
    return max(1, int(value))


def count(arrays: Arrays) -> int:
    """Rows of one request: the first dimension of any of its inputs."""
    return len(next(iter(arrays.values())))


def join(rows: Sequence[Arrays]) -> Arrays:
    """The requests' arrays one below the other, in order.

    Raises:
        ValueError: their shapes beyond the first dimension differ.
    """
    if len(rows) == 1:
        return rows[0]
    return {name: np.concatenate([arrays[name] for arrays in rows]) for name in rows[0]}


def split(arrays: Arrays, counts: Sequence[int]) -> list[Arrays]:
    """The inverse of ``join`` on the outputs: ``counts`` rows to each request, in order.

    Raises:
        ValueError: an output does not have a row for each input row.
    """
    total = sum(counts)
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) != total:
            raise ValueError(f"output {name!r} has shape {array.shape} for {total} rows")
    ends = np.cumsum(counts).tolist()
    return [
        {name: array[end - size : end] for name, array in arrays.items()}
        for size, end in zip(counts, ends, strict=True)
    ]
