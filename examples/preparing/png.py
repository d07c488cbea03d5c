"""Pictures in PNG files (8 bits a channel, not interlaced) as bytes, by the standard library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Channels of the colour types that are read: grey, red-green-blue.
_CHANNELS = {0: 1, 2: 3}
_EIGHT_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """``pixels``: one byte a channel, row by row from the top, channels side by side."""

    width: int
    height: int
    channels: int
    pixels: bytes


def read(path: Path) -> Picture:
    """Read one picture.

    Raises:
        ValueError: it is no PNG file, or of a kind that is not read here.
    """
    data = path.read_bytes()
    if not data.startswith(_SIGNATURE):
        raise ValueError(f"{path.name} is no PNG file")
    chunks = list(_chunks(data))
    width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if bits != _EIGHT_BITS or colour not in _CHANNELS or interlaced:
        raise ValueError(f"{path.name}: only 8-bit grey and RGB pictures are read")
    channels = _CHANNELS[colour]
    filtered = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    pixels = b"".join(_rows(filtered, width * channels, height, channels))
    return Picture(width=width, height=height, channels=channels, pixels=pixels)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        place += length + 12


def _rows(filtered: bytes, stride: int, height: int, step: int) -> Iterator[bytes]:
    """Undo the filter of each row (PNG specification, chapter 9)."""
    above = bytes(stride)
    for number in range(height):
        begin = number * (stride + 1)
        row = bytearray(filtered[begin + 1 : begin + 1 + stride])
        _undo(filtered[begin], row, above, step)
        above = bytes(row)
        yield above


def _undo(kind: int, row: bytearray, above: bytes, step: int) -> None:
    for i in range(len(row) if kind else 0):
        left = row[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:  # noqa: PLR2004 - the filters' numbers are the specification's
            guess = above[i]
        elif kind == 3:  # noqa: PLR2004
            guess = (left + above[i]) // 2
        else:
            guess = _paeth(left, above[i], above[i - step] if i >= step else 0)
        row[i] = (row[i] + guess) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    distances = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return (left, up, corner)[distances.index(min(distances))]
