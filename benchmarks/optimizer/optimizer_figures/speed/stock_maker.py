"""Process that makes the files of a stock recipe from a plain ONNX export; in the environment.

Commands: ``onnxruntime`` (dynamic int8), ``nncf`` (post-training int8 as OpenVINO IR); with the
libraries' own defaults.
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.numpy import load_file

from modelservice_runtime.builder.techniques import quiet
from modelservice_runtime.builder.worker_loop import Handler, Reply, serve


def quantize_dynamic(parent: str, target: str) -> Reply:
    """``onnxruntime.quantization.quantize_dynamic`` of the file ``parent``.

    Where that fails, behind the pre-processing that its documentation asks for.
    """
    from onnxruntime import quantization  # noqa: PLC0415 - only in this recipe's process
    from onnxruntime.quantization.shape_inference import (  # noqa: PLC0415 - likewise
        quant_pre_process,
    )

    try:
        quantization.quantize_dynamic(Path(parent), Path(target))
    except Exception:  # noqa: BLE001 - whatever its own checks of the shapes raise
        prepared = Path(target).with_name("prepared.onnx")
        quant_pre_process(Path(parent), prepared)
        quantization.quantize_dynamic(prepared, Path(target))
    return {}


def quantize_in_openvino(parent: str, target: str, calibration: str) -> Reply:
    """``nncf.quantize`` of the OpenVINO model of ``parent``, on the file of calibration rows.

    Transformers are declared as such, as its documentation asks.
    """
    import openvino  # noqa: PLC0415 - only in this recipe's process

    from modelservice_runtime.builder.techniques import openvino_int8  # noqa: PLC0415 - likewise

    nncf = openvino_int8.import_nncf()
    model = openvino.Core().read_model(parent)
    arrays = load_file(calibration)
    count = len(next(iter(arrays.values())))
    names = [port.get_any_name() for port in model.inputs]
    rows = [{name: arrays[name][row : row + 1] for name in names} for row in range(count)]
    with quiet.nothing_printed():
        quantized = nncf.quantize(
            model, nncf.Dataset(rows), model_type=openvino_int8.model_type(nncf, model)
        )
    openvino.save_model(quantized, target)
    return {}


def main() -> None:
    """Serve one parent until it closes the pipe."""
    quiet.forbid_telemetry()
    handlers: dict[str, Handler] = {
        "onnxruntime": quantize_dynamic,
        "nncf": quantize_in_openvino,
    }
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
