"""What AOTInductor compiled (``.pt2``), called through torch.

``interface.json`` beside the package names its tensors, in the order of the call's arguments and
of its results: ``{"inputs": [{"name": …, …}, …], "outputs": […]}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch._inductor

from .batches import Arrays
from .served import CannotServeError, Served

INTERFACE_FILE = "interface.json"


class AotiEngine:
    """One loaded package. Its threads are OpenMP's, and those are torch's."""

    def __init__(self, served: Served) -> None:
        """Load.

        Raises:
            CannotServeError: the interface is missing, or another one than is served.
        """
        self._inputs, self._outputs = _interface(served)
        torch.set_num_threads(served.threads)
        self._call = torch._inductor.aoti_load_package(  # noqa: SLF001 - that is where torch has it
            str(served.model_file)
        )

    def run(self, arrays: Arrays) -> Arrays:
        """All outputs of one batch."""
        with torch.inference_mode():
            given = [_tensor(arrays[name]) for name in self._inputs]
            results = self._call(*given)
        if isinstance(results, torch.Tensor):
            results = (results,)
        pairs = zip(self._outputs, results, strict=True)
        return {name: np.array(tensor.cpu().numpy(), copy=True) for name, tensor in pairs}


def _tensor(array: np.ndarray) -> torch.Tensor:
    # Joined requests are in memory of their own. A lone one is in Triton's, which is not ours to
    # write to, and lies there at any offset.
    return torch.from_numpy(array if array.flags.owndata else array.copy())


def _names(tensors: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(tensor["name"]) for tensor in tensors]


def _interface(served: Served) -> tuple[list[str], list[str]]:
    path = served.model_file.with_name(INTERFACE_FILE)
    try:
        document = json.loads(path.read_text())
        inputs, outputs = (_names(document[part]) for part in ("inputs", "outputs"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotServeError(f"{path} cannot be read: {error!r}") from error
    if set(inputs) != set(served.inputs) or set(outputs) != set(served.outputs):
        raise CannotServeError(
            f"the package takes {inputs} and gives {outputs}; the configuration says"
            f" {list(served.inputs)} and {list(served.outputs)}"
        )
    return inputs, outputs
