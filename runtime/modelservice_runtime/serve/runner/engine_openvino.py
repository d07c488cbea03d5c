"""An OpenVINO model (IR or ONNX) on the CPU, in the precision that was judged and no other."""

from __future__ import annotations

import sys
from typing import Any

from .batches import Arrays
from .served import CannotServeError, Served

# Imported along with openvino, and never wanted: it sends usage to a server on the Internet.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

from .openvino_calls import Calls, for_one_row  # noqa: E402

#: Precision of a variant -> (the hint, its type). int8 is in the model itself; what is not
#: quantized computes in fp32.
_HINTS = {
    "fp32": ("f32", openvino.Type.f32),
    "int8": ("f32", openvino.Type.f32),
    "bf16": ("bf16", openvino.Type.bf16),
    "fp16": ("f16", openvino.Type.f16),
}
_PRECISION = "INFERENCE_PRECISION_HINT"


class OpenVinoEngine:
    """One model; instances are processes, so there are no streams."""

    def __init__(self, served: Served) -> None:
        """Compile.

        Raises:
            CannotServeError: the precision is unknown, or OpenVINO takes another one.
        """
        if served.precision not in _HINTS:
            raise CannotServeError(
                f"precision {served.precision!r} is unknown; known are {', '.join(_HINTS)}"
            )
        hint, wanted = _HINTS[served.precision]
        core, settings = openvino.Core(), _settings(hint, served.threads)
        model = core.read_model(str(served.model_file))
        many = core.compile_model(model, "CPU", settings)
        # Left alone it takes bf16 where the CPU has it, and a hint that the CPU cannot follow is
        # replaced without a word (f16 becomes bf16).
        taken = many.get_property(_PRECISION)
        if taken != wanted:
            raise CannotServeError(
                f"variant {served.variant} was judged in {served.precision}, and OpenVINO would"
                f" compute it in {taken.get_type_name()} on this CPU"
            )
        single = for_one_row(model)
        one = core.compile_model(single, "CPU", settings) if single is not None else None
        self._calls = Calls(many, one, served.inputs, served.outputs)

    def run(self, arrays: Arrays) -> Arrays:
        """All outputs of one batch."""
        return self._calls.run(arrays)


def _settings(hint: str, threads: int) -> dict[str, Any]:
    return {
        _PRECISION: hint,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Pinned threads of several instances would sit on the same cores.
        "ENABLE_CPU_PINNING": False,
    }
