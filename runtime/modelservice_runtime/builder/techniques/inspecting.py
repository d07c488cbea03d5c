"""What is in an exported model, counted in a process of its own (a file may crash its reader).

``python -m modelservice_runtime.builder.techniques.inspecting`` answers one command, ``inspect``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from modelservice_runtime.builder.worker import Limits, Worker
from modelservice_runtime.builder.worker_loop import Reply, serve
from modelservice_runtime.contract.codec import decode, encode

MODULE = "modelservice_runtime.builder.techniques.inspecting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """``operators``: how often each occurs (``com.microsoft:Attention`` for those not ONNX's own).

    ``parameters``: numbers in the weights (floating point only).
    """

    operators: Mapping[str, int]
    parameters: int


def inspect(
    model: Path, *, limits: Limits, environment: Mapping[str, str], timeout: float, cwd: Path
) -> Contents:
    """Count what is in the ONNX file.

    Raises:
        BuildError: it cannot be read, or not in time.
    """
    with Worker("the export", MODULE, environment=environment, cwd=cwd, limits=limits) as worker:
        reply = worker.ask("inspect", timeout=timeout, doing="counting operators", model=str(model))
        return decode(Contents, reply)


def contents(model: str) -> Reply:
    """The process's side."""
    import onnx  # noqa: PLC0415 - not in the parent, which imports this module too

    from . import onnx_files  # noqa: PLC0415 - likewise

    loaded = onnx_files.load(Path(model))
    floats = {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
    }
    weights = (tensor for tensor in loaded.graph.initializer if tensor.data_type in floats)
    found = Contents(
        operators=onnx_files.count_operators(loaded),
        parameters=sum(math.prod(tensor.dims) for tensor in weights),
    )
    return cast("Reply", encode(found))


def main() -> None:
    """Serve one parent until it closes the pipe."""
    serve({"inspect": contents}, sys.argv[1:])


if __name__ == "__main__":
    main()
