"""TensorFlow operators that tf2onnx leaves out and ONNX can say. Worker process only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tf2onnx.utils


def _erfc(graph: Any, node: Any, *_: object) -> None:  # noqa: ANN401 - tf2onnx has no types
    """Erfc(y) = 1 + Erf(-y): Keras' exact GELU has it, in every transformer.

    Where y is -x · c, as GELU writes it, the result is 1 + Erf(x / (1/c)): the form that ONNX
    Runtime recognizes and fuses into one Gelu.
    """
    dtype = tf2onnx.utils.map_onnx_to_numpy_type(graph.get_dtype(node.output[0]))
    shapes, dtypes, output = node.output_shapes, node.output_dtypes, node.output[0]
    negated = (
        _divided(graph, node.inputs[0], dtype)
        or (graph.make_node("Neg", [node.input[0]]).output[0])
    )
    graph.remove_node(node.name)
    erf = graph.make_node("Erf", [negated]).output[0]
    one = graph.make_const(tf2onnx.utils.make_name("one"), np.array(1, dtype)).output[0]
    graph.make_node("Add", [erf, one], outputs=[output], shapes=shapes, dtypes=dtypes)


def _divided(graph: Any, product: Any, dtype: Any) -> str:  # noqa: ANN401 - tf2onnx has no types
    """For -x · c: the name of x / (1/c); else empty."""
    if product.type != "Mul":
        return ""
    negation = next((node for node in product.inputs if node.type == "Neg"), None)
    factor = next((node for node in product.inputs if node.is_const()), None)
    if negation is None or factor is None:
        return ""
    values = factor.get_tensor_value(as_list=False)
    if np.size(values) != 1 or not np.all(values):
        return ""
    inverse = np.asarray(1 / values, dtype)
    divisor = graph.make_const(tf2onnx.utils.make_name("inverse"), inverse).output[0]
    name: str = graph.make_node("Div", [negation.input[0], divisor]).output[0]
    return name


#: tf2onnx' form: operator → (function, its further arguments).
HANDLERS: dict[str, tuple[Callable[..., None], list[object]]] = {"Erfc": (_erfc, [])}
