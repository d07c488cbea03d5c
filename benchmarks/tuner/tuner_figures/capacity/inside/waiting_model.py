"""A model in Triton's Python backend that waits as long as a GPU would take for such a batch.

Runs in the Triton pods. ``base_ms`` and ``row_ms``: parameters of the configuration.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """What Triton's Python backend drives; one object and one process per instance."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Read how long it takes."""
        parameters = json.loads(args["model_config"])["parameters"]
        self.base = float(parameters["base_ms"]["string_value"]) / 1e3
        self.row = float(parameters["row_ms"]["string_value"]) / 1e3

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Wait for the whole batch, then give every request its own input back."""
        arrays = [pb_utils.get_input_tensor_by_name(each, "x").as_numpy() for each in requests]
        time.sleep(self.base + self.row * sum(len(array) for array in arrays))
        return [
            pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("y", array)])
            for array in arrays
        ]
