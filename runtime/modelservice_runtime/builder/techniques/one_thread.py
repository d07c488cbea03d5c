"""One thread for the sessions that libraries open themselves.

Neither onnxruntime.quantization nor NNCF takes session options, and both would use all cores:
candidates that are made side by side would stand in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def onnxruntime_sessions() -> Iterator[None]:
    """``onnxruntime.SessionOptions()`` has one thread by default, within."""
    import onnxruntime  # noqa: PLC0415 - only the techniques that need it pay for it

    before: Any = onnxruntime.SessionOptions

    class OneThread(before):  # type: ignore[misc]  # untyped package
        def __init__(self) -> None:
            super().__init__()
            self.intra_op_num_threads = self.inter_op_num_threads = 1
            self.log_severity_level = 3
            # Weights in a second layout, and memory kept for later, are for serving.
            self.enable_cpu_mem_arena = False
            self.add_session_config_entry("session.disable_prepacking", "1")

    onnxruntime.SessionOptions = OneThread
    try:
        yield
    finally:
        onnxruntime.SessionOptions = before


@contextmanager
def openvino_models() -> Iterator[None]:
    """Models that ``openvino`` compiles for the CPU have one thread, within.

    Their precision is float32 unless the caller says otherwise, not the bfloat16 that OpenVINO
    chooses by itself where the CPU has it.
    """
    import openvino  # noqa: PLC0415 - only the techniques that need it pay for it

    from .openvino_model import settings  # noqa: PLC0415 - likewise

    before = openvino.Core.compile_model, openvino.compile_model

    def compile_in_core(
        core: Any,  # noqa: ANN401 - untyped package
        model: Any,  # noqa: ANN401
        device_name: str = "CPU",
        config: dict[Any, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        return before[0](core, model, device_name, {**settings("fp32"), **_by_name(config)})

    def compile_alone(
        model: Any,  # noqa: ANN401
        device_name: str = "CPU",
        config: dict[Any, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        return openvino.Core().compile_model(model, device_name, config)

    openvino.Core.compile_model, openvino.compile_model = compile_in_core, compile_alone
    try:
        yield
    finally:
        openvino.Core.compile_model, openvino.compile_model = before


def _by_name(config: dict[Any, Any] | None) -> dict[str, Any]:
    """OpenVINO's properties may be objects that are called to give their name."""
    pairs = (config or {}).items()
    return {key if isinstance(key, str) else str(key()): value for key, value in pairs}
