"""Ranges of a model's activations, seen on calibration rows: what static int8 is made from.

``onnxruntime.quantization``'s own calibration, one batch at a time. Its option that is meant to
bound the memory, ``CalibMaxIntermediateOutputs``, drops what was collected (ONNX Runtime 1.31.1);
and ``quantize_static`` holds the model's weights twice while it calibrates.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import quiet
from .calibration_reader import CalibrationReader
from .calibration_rows import RowFile

MINMAX, ENTROPY, PERCENTILE = "minmax", "entropy", "percentile"
METHODS = (MINMAX, ENTROPY, PERCENTILE)
#: Beyond it a value counts as an outlier, for ``percentile``.
_PERCENTILE = 99.99
#: Rows at a time. All activations of a batch are in memory at once.
_ROWS = 1


def write_ranges(
    model: Path,
    target: Path,
    rows: RowFile,
    *,
    operators: Sequence[str],
    method: str,
    symmetric: bool,
) -> None:
    """Write the ranges of what ``operators`` take and give to ``target``, a calibration cache.

    ``method``: of ``METHODS``: all that was seen, the cut that changes the distribution least, or
    all but outliers. ``symmetric``: around zero.
    """
    from onnxruntime.quantization.calibrate import (  # noqa: PLC0415 - only in the maker
        save_tensors_data,
    )

    with quiet.nothing_printed(), tempfile.TemporaryDirectory() as folder:
        calibrater = _calibrater(method)(
            model,
            list(operators),
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            symmetric=symmetric,
            use_external_data_format=True,
        )
        calibrater.augment_graph()
        # It is in the file now, and would be there a second time beside the session.
        calibrater.model = None
        calibrater.create_inference_session()
        reader = CalibrationReader(rows, _ROWS)
        for number in range(len(reader)):
            reader.set_range(number, number + 1)
            calibrater.collect_data(reader)
        save_tensors_data(calibrater.compute_data(), target)


def _calibrater(method: str) -> Any:  # noqa: ANN401 - untyped package
    from onnxruntime.quantization.calibrate import (  # noqa: PLC0415 - only in the maker
        EntropyCalibrater,
        MinMaxCalibrater,
        PercentileCalibrater,
    )

    if method == PERCENTILE:
        return lambda *given, **named: PercentileCalibrater(*given, **named, percentile=_PERCENTILE)
    return {MINMAX: MinMaxCalibrater, ENTROPY: EntropyCalibrater}[method]
