"""Changes of an ONNX graph: weights, nodes that go in between, nodes that are left out.

Runs in the builder's environment. Every function changes the model that it is given and names what
it cannot find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def weight(model: onnx.ModelProto, name: str) -> np.ndarray:
    """A copy of the initializer ``name``.

    Raises:
        KeyError: there is none.
    """
    array: np.ndarray = numpy_helper.to_array(_initializer(model, name)).copy()
    return array


def set_weight(model: onnx.ModelProto, name: str, array: np.ndarray) -> None:
    """Replace the initializer ``name``, its type and shape kept.

    Raises:
        KeyError: there is none.
        ValueError: another shape.
    """
    tensor = _initializer(model, name)
    if tuple(tensor.dims) != array.shape:
        raise ValueError(f"{name}: {list(array.shape)} in place of {list(tensor.dims)}")
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array, dtype), name))


def add_weight(model: onnx.ModelProto, name: str, array: np.ndarray) -> str:
    """A new initializer; its name."""
    model.graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def change_weight(
    model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    """``change`` the initializer ``name``."""
    set_weight(model, name, change(weight(model, name)))


def insert_after(
    model: onnx.ModelProto, value: str, nodes: Callable[[str, str], Sequence[onnx.NodeProto]]
) -> None:
    """Put ``nodes(from, to)`` between ``value`` and all that reads it.

    ``value``: an input of the graph or an inner value.

    Raises:
        KeyError: nothing reads it.
    """
    changed = f"{value}__changed"
    places = [place for place, each in enumerate(model.graph.node) if value in each.input]
    if not places:
        raise KeyError(f"nothing reads {value}")
    for place in places:
        _read(model.graph.node[place], value, changed)
    for offset, each in enumerate(nodes(value, changed)):
        model.graph.node.insert(places[0] + offset, each)


def bypass(model: onnx.ModelProto, name: str, keep: str) -> None:
    """Leave out the node that makes the value ``name``; its readers get ``keep``, its input.

    Raises:
        KeyError: no node makes it, or that node does not read ``keep``.
    """
    made = producer(model, name)
    if keep not in made.input:
        raise KeyError(f"{made.name} does not read {keep}")
    model.graph.node.remove(made)
    for reader in model.graph.node:
        if name in reader.input:
            _read(reader, name, keep)


def producer(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    """The node that makes the value ``name``.

    Raises:
        KeyError: there is none.
    """
    for each in model.graph.node:
        if name in each.output:
            return each
    raise KeyError(f"no node makes {name}")


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:  # noqa: ANN401
    """One node, named after what it makes."""
    return helper.make_node(kind, list(inputs), [output], name=f"node_{output}", **attributes)


def tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without nodes and weights that nothing reads any more."""
    graph, outputs = model.graph, {tensor.name for tensor in model.graph.output}
    while True:
        read = outputs | {name for each in graph.node for name in each.input}
        unused = [each for each in graph.node if not read & set(each.output)]
        if not unused:
            break
        for each in unused:
            graph.node.remove(each)
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return model


def _initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    found: Mapping[str, onnx.TensorProto] = {each.name: each for each in model.graph.initializer}
    if name not in found:
        raise KeyError(f"no weight {name}")
    return found[name]


def _read(reader: onnx.NodeProto, old: str, new: str) -> None:
    inputs = [new if name == old else name for name in reader.input]
    del reader.input[:]
    reader.input.extend(inputs)
