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
    """An IR, compiled once, and once more for single rows where that is done in serving."""

    def __init__(self) -> None:
        self._calls: Any = None

    def open(self, model: str, precision: str) -> Reply:
        """A candidate: its interface; compiled in ``precision`` and in no other one.

        Raises:
            UserError: it declares another precision, or this CPU computes in another one.
        """
        from .techniques import openvino_model  # noqa: PLC0415 - telemetry is forbidden first

        found, self._calls = openvino_model.opened(Path(model), precision)
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
        if self._calls is None:
            raise RuntimeError("open comes first")
        try:
            answers: Arrays = self._calls.run(arrays)
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            words = " ".join(str(error).split())[-400:]
            raise UserError(MODEL_INVALID, f"OpenVINO cannot run the model: {words}") from error
        return answers


def main() -> None:
    """Serve one parent until it closes the pipe."""
    quiet.forbid_telemetry()
    engine = OpenvinoEngine()
    handlers: dict[str, Handler] = {"open": engine.open, "run": engine.run, "time": engine.time}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
