"""A traced function → one flat TensorFlow graph of constants and operators. Worker process only.

TensorFlow's own way (``convert_variables_to_constants_v2``) holds a model many times over. Here
the large constants are taken out of the graph while TensorFlow works on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.grappler import tf_optimizer
from tf2onnx import tf_loader

#: From here on a constant is weights; below are shapes, axes, and what can be folded.
_LARGE_BYTES = 1 << 16
_XLA = "_XlaMustCompile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """``graph``: a GraphDef whose large constants have no content; ``contents``: name → bytes.

    ``inputs``, ``outputs``: names of the tensors, in the function's order.
    """

    graph: Any
    contents: Mapping[str, bytes]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def freeze(function: Any) -> Frozen:  # noqa: ANN401 - a ConcreteFunction; tensorflow has no types
    """Freeze a concrete function whose inputs are all tensors by position."""
    given = len(function.structured_input_signature[0])
    # Whatever follows was captured: variables, and constants of layers.
    inputs = tuple(tensor.name for tensor in function.inputs[:given])
    outputs = tuple(tensor.name for tensor in function.outputs)
    graph = tf_loader.convert_variables_to_constants_large_model(function)
    graph = tf_loader.fix_freezing_errors_part2(tf_loader.fix_freezing_errors(graph))
    _drop_xla(graph)
    graph, taken = _without_contents(graph)
    graph = _flat(graph, [*inputs, *(f"{name}:0" for name in taken), *outputs])
    for node in graph.node:
        if node.name in taken:
            node.CopyFrom(taken[node.name][0])
    contents = {name: content for name, (_, content) in taken.items()}
    return Frozen(graph=graph, contents=contents, inputs=inputs, outputs=outputs)


def _drop_xla(graph: Any) -> None:  # noqa: ANN401 - a GraphDef
    """Grouped convolutions are functions for XLA, which nothing would inline."""
    for function in graph.library.function:
        function.attr.pop(_XLA, None)
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            node.attr.pop(_XLA, None)


def _without_contents(graph: Any) -> tuple[Any, dict[str, tuple[Any, bytes]]]:  # noqa: ANN401
    """Placeholders instead of large constants; those by name, their bytes apart."""
    taken = {}
    for node in graph.node:
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        if tensor is None or len(tensor.tensor_content) < _LARGE_BYTES:
            continue
        content = tensor.tensor_content
        tensor.ClearField("tensor_content")
        constant = type(node)()
        constant.CopyFrom(node)
        taken[node.name] = (constant, content)
        node.op = "Placeholder"
        node.attr["shape"].shape.CopyFrom(tensor.tensor_shape)
        del node.attr["value"]
    # A message keeps the memory of what was cleared; a copy of it does not.
    return graph_pb2.GraphDef.FromString(graph.SerializeToString()), taken


def _flat(graph: Any, fetched: Sequence[str]) -> Any:  # noqa: ANN401 - a GraphDef
    """Functions inlined, what is constant folded; the tensors ``fetched`` stay."""
    config = config_pb2.ConfigProto()
    config.graph_options.infer_shapes = True
    rewrites = config.graph_options.rewrite_options
    rewrites.optimizers[:] = ["constfold", "function", "dependency"]
    rewrites.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    rewrites.min_graph_nodes = -1  # small graphs too
    with tf.Graph().as_default():
        meta = tf.compat.v1.train.export_meta_graph(graph_def=graph)
    meta.collection_def["train_op"].node_list.value.extend(fetched)
    return tf_optimizer.OptimizeGraph(config, meta)
