"""The Python-backend runner: a variant in its engine, one call for a whole batch.

Triton's dynamic batcher hands over several requests at once; their rows are joined, run as
one, and cut apart again; where the configuration says so, requests of different lengths are padded
to the longest. Stands in for Triton's own backends where there are none (the PyPI
package), and runs what they cannot; the model configuration is the same.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from . import batches, engines, padding
from .batches import Arrays
from .served import CannotServeError, read_served

#: With numpy 2 this version of Triton returns empty outputs and says nothing.
_NUMPY_TOO_NEW = 2


class TritonPythonModel:
    """What Triton's Python backend drives; one object and one process per instance."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the variant that the configuration names.

        Raises:
            pb_utils.TritonModelException: the environment cannot serve it; says why.
        """
        if int(np.__version__.partition(".")[0]) >= _NUMPY_TOO_NEW:
            raise pb_utils.TritonModelException(
                f"numpy {np.__version__} is installed; Triton's Python backend needs numpy < 2"
            )
        try:
            self.served = read_served(args, json.loads(args["model_config"]))
            self.engine = engines.load(self.served)
        except CannotServeError as error:
            raise pb_utils.TritonModelException(str(error)) from error
        # What is loaded by now stays. Else every full collection looks through the modules of the
        # engine, for some ten milliseconds in which nobody is answered.
        gc.collect()
        gc.freeze()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response per request, in order."""
        rows = [self._arrays(request) for request in requests]
        try:
            results = self._together(rows)
        except Exception:  # noqa: BLE001 - whatever it is, each request is asked for its own part
            return [self._alone(*pair) for pair in zip(requests, rows, strict=True)]
        pairs = zip(requests, results, strict=True)
        return [self._response(request, arrays) for request, arrays in pairs]

    def _together(self, rows: Sequence[Arrays]) -> list[Arrays]:
        """The answers to requests that run as one batch.

        Raises:
            ValueError: they cannot be joined, or the answers not be told apart.
        """
        counts = [batches.count(arrays) for arrays in rows]
        if not self.served.padded or padding.same_shapes(rows):
            return batches.split(self.engine.run(batches.join(rows)), counts)
        inputs, outputs = self.served.open_inputs, self.served.open_outputs
        lengths = [padding.length(arrays, inputs) for arrays in rows]
        longest = max(lengths)
        wide = [padding.widened(arrays, inputs, longest) for arrays in rows]
        results = batches.split(self.engine.run(batches.join(wide)), counts)
        return [
            padding.cut(arrays, outputs, longest, own)
            for arrays, own in zip(results, lengths, strict=True)
        ]

    def _arrays(self, request: Any) -> Arrays:  # noqa: ANN401 - pb_utils has no types
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self.served.inputs
        }

    def _alone(self, request: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - pb_utils has no types
        """The answer to one request by itself, so that a bad one harms no other."""
        try:
            return self._response(request, self.engine.run(arrays))
        except Exception as error:  # noqa: BLE001 - the client is told, the server goes on
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))

    def _response(self, request: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - pb_utils has no types
        wanted = request.requested_output_names()
        tensors = [
            pb_utils.Tensor(name, np.ascontiguousarray(arrays[name]))
            for name in self.served.outputs
            if name in wanted
        ]
        return pb_utils.InferenceResponse(output_tensors=tensors)
