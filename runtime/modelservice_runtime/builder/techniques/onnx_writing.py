"""ONNX models written to files without a second copy of their weights in memory.

protobuf makes up to four while it serializes a whole model. One tensor at a time needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx

#: Field numbers in onnx.proto, each of a message: ModelProto.graph, GraphProto.initializer.
_GRAPH, _INITIALIZER = 7, 5
_MESSAGE = 2  # protobuf's wire type of it
#: protobuf's own limit for one file.
MOST_BYTES = 2**31 - 1
_WEIGHTS_FILE = "weights.bin"
_SMALL_BYTES = 1024


class TooLargeError(ValueError):
    """The model does not fit into one ONNX file."""


def write_one_file(model: onnx.ModelProto, path: Path) -> None:
    """Write ``model`` as protobuf would, its initializers last.

    ``model`` is without its initializers afterwards.

    Raises:
        TooLargeError: it is larger than one file may be.
    """
    tensors = list(model.graph.initializer)
    del model.graph.initializer[:]
    graph = model.graph.SerializeToString(deterministic=True)
    model.ClearField("graph")
    size = len(graph) + sum(len(_head(_INITIALIZER, t.ByteSize())) + t.ByteSize() for t in tensors)
    if size + model.ByteSize() > MOST_BYTES:
        raise TooLargeError("the model is larger than 2 GiB, ONNX's limit for one file")
    with path.open("wb") as out:
        out.write(model.SerializeToString(deterministic=True))
        out.write(_head(_GRAPH, size))
        out.write(graph)
        for tensor in tensors:
            out.write(_head(_INITIALIZER, tensor.ByteSize()))
            out.write(tensor.SerializeToString(deterministic=True))


def write_apart(model: onnx.ModelProto, path: Path) -> None:
    """Write ``model`` with its weights in a second file, for tools that map or stream them.

    ``model`` is without its weights afterwards. One such model a folder.
    """
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=True,
        location=_WEIGHTS_FILE,
        size_threshold=_SMALL_BYTES,
    )


def _head(field: int, size: int) -> bytes:
    return bytes([field << 3 | _MESSAGE, *_variable_length(size)])


def _variable_length(number: int) -> Iterator[int]:
    """A number as protobuf has it: seven bits a byte, the lowest first, all but the last marked."""
    while number > 0x7F:  # noqa: PLR2004 - seven bits
        yield number & 0x7F | 0x80
        number >>= 7
    yield number
