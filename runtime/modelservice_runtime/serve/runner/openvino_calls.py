"""An OpenVINO model asked with as little around it as can be; the builder times what is served.

OpenVINO's own ``infer`` copies inputs, looks names up and wraps what it gives: a fifth of the time
of a small model. And a graph for any number of rows works its shapes out at every call: where all
other axes are fixed and the weights few, the commonest request, a single row, has a graph of its
own, and takes two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino

#: A second graph may pack its weights a second time. Larger models have longer calls, too.
FEW_BYTES = 16 << 20
#: The two graphs may round differently, and no more.
_RELATIVE, _ABSOLUTE = 0.02, 0.02


class Calls:
    """Compiled models with one request each. Arrays in and out: rows first.

    ``inputs``, ``outputs``: the names to ask with, each a name of its port; ``one``: the same model
    for a single row, or None.
    """

    def __init__(
        self,
        many: openvino.CompiledModel,
        one: openvino.CompiledModel | None,
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> None:
        self._inputs = {name: _position(many.inputs, name) for name in inputs}
        self._outputs = {name: _position(many.outputs, name) for name in outputs}
        self._many = many.create_infer_request()
        self._one = one.create_infer_request() if one is not None else None
        if self._one is not None and not self._agree(many):
            self._one = None

    @property
    def has_graph_for_one_row(self) -> bool:
        """Whether single rows have a graph of their own."""
        return self._one is not None

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs, copied: the next call writes into the same buffers.

        Raises:
            RuntimeError: OpenVINO's own words.
        """
        rows = len(next(iter(arrays.values())))
        request = self._one if rows == 1 and self._one is not None else self._many
        return self._asked(request, arrays)

    def _asked(self, request: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: ANN401
        # Held here until the call is over: OpenVINO reads them where they are.
        held = {name: np.require(arrays[name], requirements=("C", "W")) for name in self._inputs}
        for name, position in self._inputs.items():
            tensor = openvino.Tensor(held[name], shared_memory=True)
            request.set_input_tensor(position, tensor)
        request.infer()
        return {
            name: np.array(request.get_output_tensor(position).data, copy=True)
            for name, position in self._outputs.items()
        }

    def _agree(self, many: openvino.CompiledModel) -> bool:
        """Whether both graphs say the same of a made-up row."""
        row = {name: _made_up(many.inputs[at]) for name, at in self._inputs.items()}
        wanted, found = self._asked(self._many, row), self._asked(self._one, row)
        return all(
            np.allclose(found[name], value, rtol=_RELATIVE, atol=_ABSOLUTE * _size(value))
            for name, value in wanted.items()
        )


def for_one_row(model: openvino.Model) -> openvino.Model | None:
    """The same model for a single row; None where that is not to be had, or too large."""
    if any(size.is_dynamic for port in model.inputs for size in _other_axes(port)):
        return None
    constants = (op for op in model.get_ops() if op.get_type_name() == "Constant")
    if sum(op.get_byte_size() for op in constants) > FEW_BYTES:
        return None
    one = model.clone()
    try:
        one.reshape({at: _one_row(port) for at, port in enumerate(model.inputs)})
    except RuntimeError:
        # An operator that does not let its shape be fixed; the other graph serves all.
        return None
    return one


def _other_axes(port: Any) -> list[Any]:  # noqa: ANN401 - untyped package
    return list(port.get_partial_shape())[1:]


def _one_row(port: Any) -> list[int]:  # noqa: ANN401 - untyped package
    """The shape of a single row, where the other axes are fixed."""
    return [1, *(size.get_length() for size in _other_axes(port))]


def _position(ports: Sequence[Any], name: str) -> int:
    """Raises ValueError: no port has the name."""
    for position, port in enumerate(ports):
        if name in port.get_names():
            return position
    raise ValueError(f"the model has no tensor {name!r}")


def _made_up(port: Any) -> np.ndarray:  # noqa: ANN401 - untyped package
    """One row: ones for whole numbers, which may be places in a table; else numbers around 0."""
    shape = _one_row(port)
    kind = port.get_element_type().to_dtype()
    made_up: np.ndarray = np.ones(shape, kind)
    if np.issubdtype(kind, np.floating):
        made_up = np.random.default_rng(1).standard_normal(shape).astype(kind)
    return made_up


def _size(values: np.ndarray) -> float:
    return float(np.max(np.abs(values), initial=0.0))
