"""Arrays of numbers as safetensors bytes, without numpy: the same bytes for the same numbers.

The format: 8 bytes with the length of the header, the header as JSON (name → type, shape, place),
then the raw little-endian numbers.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_ALIGNMENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """``datatype``: as safetensors names it (F16, F32, I64); ``data``: little-endian, by rows."""

    datatype: str
    shape: tuple[int, ...]
    data: bytes


def floats(values: Iterable[float], *shape: int) -> Tensor:
    """float32; each value is rounded to the nearest one."""
    return _packed("F32", "f", values, shape)


def integers(values: Iterable[int], *shape: int) -> Tensor:
    """int64."""
    return _packed("I64", "q", values, shape)


def _packed(datatype: str, code: str, values: Iterable[float], shape: tuple[int, ...]) -> Tensor:
    numbers = array(code, values)  # type: ignore[call-overload]
    _check_count(len(numbers), shape)
    if sys.byteorder == "big":
        numbers.byteswap()
    return Tensor(datatype=datatype, shape=shape, data=numbers.tobytes())


def _check_count(count: int, shape: tuple[int, ...]) -> None:
    if count != math.prod(shape):
        raise ValueError(f"{count} numbers do not fill {list(shape)}")


def without_labels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inputs alone, as they lie beside a model."""
    return {name: tensor for name, tensor in tensors.items() if name.startswith("input/")}


def encoded(tensors: Mapping[str, Tensor]) -> bytes:
    """A safetensors file; tensors by name, whatever their order was."""
    header, place = {}, 0
    for name, tensor in sorted(tensors.items()):
        end = place + len(tensor.data)
        header[name] = {
            "dtype": tensor.datatype,
            "shape": list(tensor.shape),
            "data_offsets": [place, end],
        }
        place = end
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % _ALIGNMENT)
    return b"".join(
        [struct.pack("<Q", len(words)), words, *(t.data for _, t in sorted(tensors.items()))]
    )
