"""Pictures made smaller: each new pixel is the mean of the area that it covers. Whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from .png import Picture


def resized(picture: Picture, width: int, height: int) -> Picture:
    """``picture`` with ``width`` x ``height`` pixels."""
    step = picture.channels
    planes = []
    for channel in range(step):
        plane = picture.pixels[channel::step]
        rows = [plane[i : i + picture.width] for i in range(0, len(plane), picture.width)]
        columns = zip(*(shrunk(row, width) for row in rows), strict=True)
        lines = zip(*(shrunk(column, height) for column in columns), strict=True)
        planes.append([value for line in lines for value in line])
    pixels = bytes(value for pixel in zip(*planes, strict=True) for value in pixel)
    return Picture(width=width, height=height, channels=step, pixels=pixels)


def shrunk(line: Sequence[int], size: int) -> list[int]:
    """``line`` in ``size`` values; each the mean of the stretch that it stands for, rounded."""
    length = len(line)
    sums = [0, *accumulate(line)]
    ends = (divmod(i * length, size) for i in range(size + 1))
    upto = [size * sums[whole] + (rest * line[whole] if rest else 0) for whole, rest in ends]
    half = length // 2
    return [(b - a + half) // length for a, b in pairwise(upto)]
