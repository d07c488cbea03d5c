"""A traced TensorFlow function → an ONNX model with tf2onnx. Worker process only."""

from __future__ import annotations

import gc
import logging
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx.optimizer
from tf2onnx.tfonnx import process_tf_graph

from .tensorflow_freezing import Frozen, freeze
from .tensorflow_operators import HANDLERS
from .worker_loop import is_out_of_memory

#: The newest that tf2onnx knows.
OPSET = 18
_log = logging.getLogger(__name__)


def convert(function: Any) -> onnx.ModelProto:  # noqa: ANN401 - a ConcreteFunction
    """The model of a concrete function whose inputs are all tensors by position.

    Operators that tf2onnx does not know stay in it under TensorFlow's names.
    """
    model: onnx.ModelProto = _graph(function).make_model("model")
    # The graph's parts know each other, so that only a collection frees them and the weights.
    gc.collect()
    return model


def _graph(function: Any) -> Any:  # noqa: ANN401 - tf2onnx has no types
    try:
        return _simplified(_converted(freeze(function)))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # Right in any case, if slower: it has the transpositions between NHWC and NCHW in it.
        _log.warning("tf2onnx cannot simplify the graph; it stays as converted", exc_info=True)
    return _converted(freeze(function))


def _converted(frozen: Frozen) -> Any:  # noqa: ANN401 - tf2onnx has no types
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen.graph, name="")
        return process_tf_graph(
            graph,
            opset=OPSET,
            input_names=list(frozen.inputs),
            output_names=list(frozen.outputs),
            const_node_values=dict(frozen.contents),
            custom_op_handlers=HANDLERS,
            continue_on_error=True,
        )


def _simplified(graph: Any) -> Any:  # noqa: ANN401 - tf2onnx has no types
    """All of tf2onnx' optimizers until nothing changes.

    Its own loop writes every weight into its protobuf message again after each step, and a
    message never gives memory back: gigabytes for a model of a hundred megabytes.
    """
    changed, iteration = True, 0
    while changed:
        changed = False
        for factory in tf2onnx.optimizer._optimizers.values():  # noqa: SLF001 - see above
            step = factory()
            step.opt_iteration = iteration
            graph = step._optimize(graph)  # noqa: SLF001 - see above
            graph.delete_unused_nodes(graph.outputs)
            changed = changed or step.graph_been_opt
        iteration += 1
    return graph
