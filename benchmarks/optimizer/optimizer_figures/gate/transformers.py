"""Faults of transformers, as changes of the graph. Runs in the builder's environment."""

from __future__ import annotations

import numpy as np
import onnx

from . import surgery
from .sources import Source

#: What the models add to the scores of padding.
_MASKED = -1e4


def weak_mask(source: Source, *, bias: float) -> onnx.ModelProto:
    """Attention looks at padding: what is added to its scores is ``bias`` and not -10,000.

    0 is a mask that is ignored; a few below is one whose constant was clipped or rounded.
    """
    model = source.graph()
    names = [tensor.name for tensor in model.graph.initializer if _is_mask(tensor)]
    if not names:
        raise KeyError("no constant of the mask is in the graph")
    for name in names:
        surgery.set_weight(model, name, np.array(bias, np.float32))
    return model


def dropped(source: Source, *, value: str) -> onnx.ModelProto:
    """The node that makes ``value`` is left out: what reads it gets that node's first input.

    Of a sum it is the residual, so a layer's branch is lost; a norm is skipped.
    """
    model = source.graph()
    surgery.bypass(model, value, surgery.producer(model, value).input[0])
    return surgery.tidied(model)


def off_by_one(source: Source, *, weight: str, first: int, last: int) -> onnx.ModelProto:
    """From number ``first`` to ``last`` an embedding gives the next one's row, at last the first's.

    The numbers are places of tokens, or those of a catalogue in which an entry has moved.
    """
    model = source.graph()

    def moved(array: np.ndarray) -> np.ndarray:
        array[first : last + 1] = np.roll(array[first : last + 1], -1, axis=0)
        return array

    surgery.change_weight(model, weight, moved)
    return model


def older_vocabulary(source: Source, *, weight: str, unknown: int, known: int) -> onnx.ModelProto:
    """Of the words only the first ``known`` are known; the others have the row of ``unknown``."""
    model = source.graph()

    def forgotten(array: np.ndarray) -> np.ndarray:
        array[known:] = array[unknown]
        return array

    surgery.change_weight(model, weight, forgotten)
    return model


def _is_mask(tensor: onnx.TensorProto) -> bool:
    if tensor.data_type != onnx.TensorProto.FLOAT or list(tensor.dims):
        return False
    return bool(onnx.numpy_helper.to_array(tensor) == np.float32(_MASKED))
