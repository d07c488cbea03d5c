"""Worker process of a candidate in OpenVINO, as it will be served: one thread, its precision.

Commands (arguments → result) are the methods of ``OpenvinoEngine``; tensors travel as
safetensors files.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from modelservice_runtime.contract.codec import encode

from . import timing
from .errors import MODEL_INVALID, UserError
from .techniques import quiet
from .techniques.versions import versions_of
from .tensors import Arrays, read, write
from .worker_loop import Handler, Reply, is_out_of_memory, serve


class OpenvinoEngine:
    """An IR, compiled once."""

    def __init__(self) -> None:
        self._request: Any = None
        self._outputs: list[str] = []

    def open(self, model: str, precision: str) -> Reply:
        """A candidate: its interface; compiled in ``precision`` and in no other one.

        Raises:
            UserError: it declares another precision, or this CPU computes in another one.
        """
        from .techniques import openvino_model  # noqa: PLC0415 - telemetry is forbidden first

        compiled = openvino_model.compile_model(Path(model), precision)
        found = openvino_model.interface(compiled)
        self._outputs = [spec.name for spec in found.outputs]
        self._request = compiled.create_infer_request()
        return {"interface": encode(found), "versions": dict(versions_of("openvino"))}

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``."""
        write(Path(outputs), self._infer(read(Path(inputs))))
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        arrays = read(Path(inputs))
        return {"milliseconds": timing.repeat(lambda: self._infer(arrays), seconds)}

    def _infer(self, arrays: Arrays) -> Arrays:
        if self._request is None:
            raise RuntimeError("open comes first")
        try:
            values = self._request.infer(arrays)
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            words = " ".join(str(error).split())[-400:]
            raise UserError(MODEL_INVALID, f"OpenVINO cannot run the model: {words}") from error
        return {name: values[index] for index, name in enumerate(self._outputs)}


def main() -> None:
    """Serve one parent until it closes the pipe."""
    quiet.forbid_telemetry()
    engine = OpenvinoEngine()
    handlers: dict[str, Handler] = {"open": engine.open, "run": engine.run, "time": engine.time}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
