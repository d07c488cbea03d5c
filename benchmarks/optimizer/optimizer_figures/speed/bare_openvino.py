"""Worker process of OpenVINO as its guides use it: with its own choice of a precision, or float32.

Commands: those of the builder's own OpenVINO worker. One thread, for this comparison.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from modelservice_runtime.builder.openvino_worker import OpenvinoEngine
from modelservice_runtime.builder.techniques import quiet
from modelservice_runtime.builder.tensors import Arrays
from modelservice_runtime.builder.worker_loop import Handler, Reply, serve


class BareOpenvino(OpenvinoEngine):
    """An ONNX file or an IR, compiled for any number of rows, asked through ``infer``."""

    def open(self, model: str, precision: str) -> Reply:
        """Compile; ``precision``: ``fp32``, or empty to say nothing of it.

        The answer has the one that was taken.
        """
        import openvino  # noqa: PLC0415 - telemetry is forbidden first

        from modelservice_runtime.builder.techniques import openvino_model  # noqa: PLC0415

        said = dict(openvino_model.settings("fp32"))
        if not precision:
            del said[openvino_model.PRECISION_HINT]
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(str(Path(model))), "CPU", said)
        self._calls = _Asked(compiled)
        taken = compiled.get_property(openvino_model.PRECISION_HINT).get_type_name()
        return {"precision": str(taken)}


class _Asked:
    """As the guide to its Python API says for little overhead: inputs are shared, not copied."""

    def __init__(self, compiled: Any) -> None:  # noqa: ANN401 - untyped package
        self._names = [port.get_any_name() for port in compiled.outputs]
        self._request = compiled.create_infer_request()

    def run(self, arrays: Arrays) -> Arrays:
        values = self._request.infer(arrays, share_inputs=True)
        return {name: values[index] for index, name in enumerate(self._names)}


def main() -> None:
    """Serve one parent until it closes the pipe."""
    quiet.forbid_telemetry()
    engine = BareOpenvino()
    handlers: dict[str, Handler] = {"open": engine.open, "run": engine.run, "time": engine.time}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
