"""Worker process of a package that AOTInductor compiled: open, run, time.

Commands (arguments → result) are the methods of ``AotiEngine``; tensors travel as safetensors
files. One thread, CPU. Compiled code checks nothing, and reads beyond a tensor that is too
small, so what goes in is checked here.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from modelservice_runtime.contract.codec import encode, loads
from modelservice_runtime.contract.tensors import DATATYPES, ModelInterface, TensorSpec

from . import timing
from .errors import MODEL_INVALID, UserError
from .worker_loop import Handler, Reply, is_out_of_memory, serve

#: Beside the package: its names, types and shapes, in its order; and in this field of it how
#: many rows it takes at once.
INTERFACE_FILE = "interface.json"
MOST_ROWS = "mostRows"


class AotiEngine:
    """One loaded package."""

    def __init__(self) -> None:
        self._call: Any = None
        self._interface = ModelInterface(inputs=(), outputs=())
        self._most_rows = 1

    def open(self, model: str, precision: str) -> Reply:
        """Load the package; ``precision`` does not matter: it is compiled in."""
        del precision
        path = Path(model)
        self._interface, self._most_rows = _read_interface(path.with_name(INTERFACE_FILE))
        try:
            self._call = torch._inductor.aoti_load_package(str(path))  # noqa: SLF001 - its home
        except Exception as error:
            raise _failed(f"{path.name} cannot be loaded on this machine", error) from error
        versions = {"torch": importlib.metadata.version("torch")}
        return {"interface": encode(self._interface), "versions": versions}

    def run(self, inputs: str, outputs: str) -> Reply:
        """Run on the tensors in the file ``inputs``, write the outputs to ``outputs``.

        More rows than the package takes at once go in parts.
        """
        given = self._ordered(Path(inputs))
        chunks = zip(*(tensor.split(self._most_rows) for tensor in given), strict=True)
        try:
            parts = [self._run(list(chunk)) for chunk in chunks]
        except Exception as error:
            raise _failed("the compiled model cannot be run", error) from error
        names = [spec.name for spec in self._interface.outputs]
        values = [torch.cat(pieces).contiguous() for pieces in zip(*parts, strict=True)]
        save_file(dict(zip(names, values, strict=True)), outputs)
        return {}

    def time(self, inputs: str, seconds: float) -> Reply:
        """Milliseconds of each call, for about ``seconds``."""
        tensors = self._ordered(Path(inputs))
        return {"milliseconds": timing.repeat(lambda: self._run(tensors), seconds)}

    def _run(self, tensors: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        with torch.inference_mode():
            return tuple(self._call(*tensors))

    def _ordered(self, file: Path) -> list[torch.Tensor]:
        given = load_file(file)
        for spec in self._interface.inputs:
            check_fit(spec, given.get(spec.name))
        return [given[spec.name] for spec in self._interface.inputs]


def check_fit(spec: TensorSpec, tensor: torch.Tensor | None) -> None:
    """Whether ``tensor`` is what the compiled code was made for.

    Raises:
        UserError: it is missing, or has another type or shape.
    """
    numpy_name, _ = DATATYPES[spec.datatype]
    found = "missing"
    if tensor is not None:
        kind, sizes = str(tensor.dtype).removeprefix("torch."), list(tensor.shape)
        same_rank = len(sizes) == len(spec.dims) + 1
        if (
            kind == numpy_name
            and same_rank
            and all(want in (-1, size) for want, size in zip(spec.dims, sizes[1:], strict=True))
        ):
            return
        found = f"{kind} {sizes}"
    raise UserError(
        MODEL_INVALID,
        f"input {spec.name!r} is {found}, the compiled model takes {numpy_name}"
        f" [rows, {', '.join(map(str, spec.dims))}]",
    )


def _read_interface(path: Path) -> tuple[ModelInterface, int]:
    try:
        text = path.read_text()
        return loads(ModelInterface, text), int(json.loads(text)[MOST_ROWS])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            MODEL_INVALID, f"the compiled model's {path.name} cannot be read: {error!r}"
        ) from error


def _failed(what: str, error: Exception) -> UserError | MemoryError:
    if is_out_of_memory(error):
        return MemoryError(str(error))
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(MODEL_INVALID, f"{what}: {first[:400]}")


def main() -> None:
    """Serve one parent until it closes the pipe."""
    torch.set_num_threads(1)
    engine = AotiEngine()
    handlers: dict[str, Handler] = {"open": engine.open, "run": engine.run, "time": engine.time}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
