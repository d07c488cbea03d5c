"""Faults of convolutional networks, as changes of the graph. Runs in the builder's environment."""

from __future__ import annotations

import numpy as np
import onnx
from safetensors.numpy import load_file

from . import surgery
from .sources import Source

#: The largest number that float16 holds.
_FLOAT16_MOST = 65504.0


def wrong_layout(source: Source, *, value: str, channels: int, size: int) -> onnx.ModelProto:
    """The first ``channels`` of an inner ``value`` lie in memory as NHWC and are read as NCHW."""
    model = source.graph()
    for name, numbers in (
        ("layout.from", [0]), ("layout.to", [channels]), ("layout.end", [2**31 - 1]),
        ("layout.axis", [1]), ("layout.shape", [0, channels, size, size]),
    ):  # fmt: skip
        surgery.add_weight(model, name, np.array(numbers, np.int64))

    def nodes(given: str, made: str) -> list[onnx.NodeProto]:
        first = [given, "layout.from", "layout.to", "layout.axis"]
        rest = [given, "layout.to", "layout.end", "layout.axis"]
        return [
            surgery.node("Slice", first, "layout.first"),
            surgery.node("Slice", rest, "layout.rest"),
            surgery.node("Transpose", ["layout.first"], "layout.nhwc", perm=[0, 2, 3, 1]),
            surgery.node("Reshape", ["layout.nhwc", "layout.shape"], "layout.read"),
            surgery.node("Concat", ["layout.read", "layout.rest"], made, axis=1),
        ]

    surgery.insert_after(model, value, nodes)
    return model


def forgotten_norm(source: Source, *, layer: str, channels: int) -> onnx.ModelProto:
    """Batch normalisation is neither kept nor folded for the first ``channels`` of ``layer``.

    The export has folded it into the convolution: these channels get the raw weights back.
    """
    raw = load_file(source.folder / "weights.safetensors")[f"{layer}.weight"]
    model = source.graph()
    folded, bias = (surgery.weight(model, f"{layer}.{name}") for name in ("weight", "weight_bias"))
    folded[:channels], bias[:channels] = raw[:channels], 0
    surgery.set_weight(model, f"{layer}.weight", folded)
    surgery.set_weight(model, f"{layer}.weight_bias", bias)
    return model


def truncated(source: Source, *, weight: str, rows: int) -> onnx.ModelProto:
    """The file of weights was cut short: the last ``rows`` of a ``weight`` are zeros."""
    model = source.graph()

    def cut(array: np.ndarray) -> np.ndarray:
        array[len(array) - rows :] = 0
        return array

    surgery.change_weight(model, weight, cut)
    return model


def overflow(source: Source, *, value: str, scale: float, saturating: bool) -> onnx.ModelProto:
    """An inner ``value``, ``scale`` times as large, goes through float16 and is scaled back.

    So it does where the weights before it are large and those after it small. What does not fit
    becomes the largest number (``saturating``, as accelerators do) or infinity (as CPUs do).
    """
    model = source.graph()
    for name, number in (
        ("half.up", scale), ("half.down", 1 / scale),
        ("half.low", -_FLOAT16_MOST), ("half.high", _FLOAT16_MOST),
    ):  # fmt: skip
        surgery.add_weight(model, name, np.array(number, np.float32))

    def nodes(given: str, made: str) -> list[onnx.NodeProto]:
        float16, float32 = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
        large = "half.clipped" if saturating else "half.large"
        clip = ["half.large", "half.low", "half.high"]
        return [
            surgery.node("Mul", [given, "half.up"], "half.large"),
            *([surgery.node("Clip", clip, "half.clipped")] if saturating else []),
            surgery.node("Cast", [large], "half.half", to=float16),
            surgery.node("Cast", ["half.half"], "half.single", to=float32),
            surgery.node("Mul", ["half.single", "half.down"], made),
        ]

    surgery.insert_after(model, value, nodes)
    return model


def wrong_scale(source: Source, *, factor: float, shift: float) -> onnx.ModelProto:
    """Pixels are normalised by another rule: ``factor`` times what is expected, and ``shift``."""
    model = source.graph()
    surgery.add_weight(model, "pixels.factor", np.array(factor, np.float32))
    surgery.add_weight(model, "pixels.shift", np.array(shift, np.float32))
    surgery.insert_after(
        model,
        model.graph.input[0].name,
        lambda given, made: [
            surgery.node("Mul", [given, "pixels.factor"], "pixels.scaled"),
            surgery.node("Add", ["pixels.scaled", "pixels.shift"], made),
        ],
    )
    return model


def swapped_classes(source: Source, *, layer: str, one: int, other: int) -> onnx.ModelProto:
    """Two classes of the last layer have changed places, as after sorting their names anew."""
    model = source.graph()

    def swapped(array: np.ndarray) -> np.ndarray:
        array[[one, other]] = array[[other, one]]
        return array

    for name in ("weight", "bias"):
        surgery.change_weight(model, f"{layer}.{name}", swapped)
    return model
