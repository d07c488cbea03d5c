"""Faults of quantization. Runs in the builder's environment."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load_file, save_file

from modelservice_runtime.builder.techniques import quantize_static
from modelservice_runtime.builder.techniques.base import SourceAccess, Work
from modelservice_runtime.contract.requests import PYTORCH, SourceRequest

from . import surgery
from .sources import Source

_ROWS = 200
_SECONDS = 300.0


def stale_calibration(source: Source, *, brightness: float) -> onnx.ModelProto:
    """Static int8 by the builder, calibrated on pictures with ``brightness`` times the ink."""
    return _static_int8(source, source.path, brightness=brightness, per_channel=True)


def outliers(
    source: Source, *, layer: str, following: str, channels: int, factor: float
) -> onnx.ModelProto:
    """Static int8 with one scale for all channels, of weights whose balance was broken.

    The first ``channels`` of ``layer`` are ``factor`` times as large, what ``following`` makes of
    them as much smaller: the same function in float32 (there is a ReLU between), but all other
    channels have to do with the steps that these need.
    """
    model = source.graph()
    for name in (f"{layer}.weight", f"{layer}.weight_bias"):
        surgery.change_weight(model, name, lambda array: _scaled(array, channels, factor))
    surgery.change_weight(
        model,
        f"{following}.weight",
        lambda array: _scaled(array.swapaxes(0, 1), channels, 1 / factor).swapaxes(0, 1),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unbalanced.onnx"
        onnx.save(model, str(path))
        return _static_int8(source, path, brightness=1.0, per_channel=False)


def coarse_embedding(
    source: Source, *, weight: str, bits: int, group: int, first: int
) -> onnx.ModelProto:
    """The rows of an embedding from ``first`` on in ``bits``, ``group`` numbers to a scale.

    Rounded to the nearest of the signed steps and back, as a weight-only quantizer does.
    """
    model = source.graph()
    surgery.change_weight(
        model,
        weight,
        lambda array: np.concatenate([array[:first], rounded(array[first:], bits, group)]),
    )
    return model


def rounded(array: np.ndarray, bits: int, group: int) -> np.ndarray:
    """``array`` (rows, width) in signed steps of ``bits``; ``group`` neighbours share a scale.

    Raises:
        ValueError: the width is no multiple of ``group``.
    """
    grouped = array.reshape(len(array), -1, group)
    steps = np.abs(grouped).max(axis=-1, keepdims=True) / (2 ** (bits - 1) - 1)
    found: np.ndarray = np.round(grouped / np.where(steps > 0, steps, 1)) * steps
    return found.reshape(array.shape).astype(array.dtype)


def _scaled(array: np.ndarray, rows: int, factor: float) -> np.ndarray:
    found = array.copy()
    found[:rows] *= factor
    return found


def _static_int8(
    source: Source, parent: Path, *, brightness: float, per_channel: bool
) -> onnx.ModelProto:
    """The builder's own static quantization, calibrated on the first training pictures."""
    pictures = load_file(source.folder / "training.safetensors")["input/image"][:_ROWS]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        save_file({"image": pictures * np.float32(brightness)}, place / "calibration.safetensors")
        (place / "target").mkdir()
        made = quantize_static.TECHNIQUE.produce(
            Work(
                parent=parent,
                target=place / "target",
                parameters={"method": "minmax", "per_channel": per_channel},
                source=SourceAccess(
                    request=SourceRequest(kind=PYTORCH, uri=""), folder=source.folder
                ),
                max_batch_size=1,
                seconds=_SECONDS,
                calibration=place / "calibration.safetensors",
            )
        )
        return onnx.load(str(place / "target" / made.model_file))
