"""Worker process of OpenVINO as it comes: no word about the precision, so it takes its own.

Commands: those of the builder's own OpenVINO worker. One thread, for this comparison.
"""

from __future__ import annotations

import sys
from pathlib import Path

from modelservice_runtime.builder.openvino_worker import OpenvinoEngine
from modelservice_runtime.builder.techniques import quiet
from modelservice_runtime.builder.worker_loop import Handler, Reply, serve


class BareOpenvino(OpenvinoEngine):
    """An ONNX file or an IR, compiled with OpenVINO's own choice of a precision."""

    def open(self, model: str, precision: str) -> Reply:
        """Compile; ``precision`` is not said. The answer has the one that was taken."""
        del precision
        import openvino  # noqa: PLC0415 - telemetry is forbidden first

        from modelservice_runtime.builder.techniques import openvino_model  # noqa: PLC0415

        said = dict(openvino_model.settings("fp32"))
        del said[openvino_model.PRECISION_HINT]
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(str(Path(model))), "CPU", said)
        self._outputs = [port.get_any_name() for port in compiled.outputs]
        self._request = compiled.create_infer_request()
        taken = compiled.get_property(openvino_model.PRECISION_HINT).get_type_name()
        return {"precision": str(taken)}


def main() -> None:
    """Serve one parent until it closes the pipe."""
    quiet.forbid_telemetry()
    engine = BareOpenvino()
    handlers: dict[str, Handler] = {"open": engine.open, "run": engine.run, "time": engine.time}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
