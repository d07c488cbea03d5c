"""ONNX models of a few hundred bytes, written without the onnx package.

The serving environment has ONNX Runtime only. What is written here is the protobuf wire format
of the few messages that a small graph needs; the numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

IR_VERSION, OPSET = 8, 17
FLOAT, INT64 = 1, 7
_ELEMENT = {"float32": FLOAT, "int64": INT64}
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_INTS = 1, 2, 7

Attributes = Mapping[str, float | int | Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """An input or output of a graph. ``dims`` without the batch, which is free."""

    name: str
    element: int
    dims: tuple[int, ...]


def model(
    nodes: Sequence[bytes],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    weights: Mapping[str, np.ndarray],
) -> bytes:
    """The bytes of a ``model.onnx``."""
    graph = b"".join(
        [
            *(_message(1, item) for item in nodes),
            _text(2, "tiny"),
            *(_message(5, _tensor(name, array)) for name, array in weights.items()),
            *(_message(11, _value(item)) for item in inputs),
            *(_message(12, _value(item)) for item in outputs),
        ]
    )
    opset = _text(1, "") + _number(2, OPSET)
    return _number(1, IR_VERSION) + _message(7, graph) + _message(8, opset)


def node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Attributes | None = None
) -> bytes:
    """One operator."""
    parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs]
    parts.append(_text(4, kind))
    parts += [_message(5, _attribute(name, item)) for name, item in (attributes or {}).items()]
    return b"".join(parts)


def _attribute(name: str, value: float | Sequence[int]) -> bytes:
    if isinstance(value, float):
        number = b"\x15" + np.float32(value).tobytes()
        return _text(1, name) + number + _number(20, _ATTRIBUTE_FLOAT)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _ATTRIBUTE_INT)
    items = b"".join(_number(8, item) for item in value)
    return _text(1, name) + items + _number(20, _ATTRIBUTE_INTS)


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    kind = _number(2, _ELEMENT[array.dtype.name])
    return dims + kind + _text(8, name) + _message(9, np.ascontiguousarray(array).tobytes())


def _value(value: Value) -> bytes:
    batch = _message(1, _text(2, "batch"))
    shape = batch + b"".join(
        _message(1, _number(1, size) if size >= 0 else _text(2, "free")) for size in value.dims
    )
    tensor = _number(1, value.element) + _message(2, shape)
    return _text(1, value.name) + _message(2, _message(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
