"""Evaluation rows of the image classifier: cut-outs of photographs that scikit-image carries.

Five photographs (a cat, a cup, a motorcycle from two places, a man with a camera; see
``pictures/ORIGIN.md``). Each row is a piece of 224 x 224 pixels from a random place of a
photograph whose short side has 224 to 288 pixels; half are mirrored. No labels: an artifact is to
name the same class as the source model. Rows of one photograph are alike, so this says less about
pictures in general than as many photographs would.
"""

from __future__ import annotations

import itertools
import random
import struct
from pathlib import Path

from preparing.packages import Packages
from preparing.png import Picture, read
from preparing.resize import resized
from preparing.tensors import Tensor, encoded

SEED = 20240607
SIZE, ROWS, LARGE_ROWS = 224, 320, 1200
SIDES = (224, 240, 256, 288)
#: Those that show something that ImageNet has a class for.
PHOTOGRAPHS = ("chelsea", "coffee", "motorcycle_left", "motorcycle_right", "camera")
#: A byte as the model takes it, (byte - 127) / 128: exact in float16, which halves the file.
_HALVES = [struct.pack("<e", (byte - 127) / 128) for byte in range(256)]
_LOW, _HIGH = (bytes(half[end] for half in _HALVES) for end in (0, 1))


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    del out
    rows = cut_outs(packages, ROWS)
    return {"image-classifier-data/evaluation.safetensors": encoded({"input/image": rows})}


def large_files(packages: Packages, out: Path) -> dict[str, bytes]:
    """More of the same, enough to tell candidates apart that lose little: for the benchmarks."""
    del out
    rows = cut_outs(packages, LARGE_ROWS)
    return {"image-classifier-data/evaluation-large.safetensors": encoded({"input/image": rows})}


def cut_outs(packages: Packages, count: int) -> Tensor:
    """So many rows, float16 [count, 3, 224, 224]."""
    folder = packages.path("scikit-image") / "skimage/data"
    whole = [read(folder / f"{name}.png") for name in PHOTOGRAPHS]
    sizes = [[with_short_side(picture, side) for side in SIDES] for picture in whole]
    chance = random.Random(SEED)  # noqa: S311 - places of cut-outs, not a secret
    pieces: dict[bytes, None] = {}  # none twice: the builder leaves copies out
    for place in itertools.cycle(sizes):
        pieces[piece(chance.choice(place), chance)] = None
        if len(pieces) == count:
            break
    return Tensor(datatype="F16", shape=(count, 3, SIZE, SIZE), data=b"".join(pieces))


def with_short_side(picture: Picture, side: int) -> Picture:
    """The picture, smaller, its proportions kept."""
    shortest = min(picture.width, picture.height)
    return resized(picture, picture.width * side // shortest, picture.height * side // shortest)


def piece(picture: Picture, chance: random.Random) -> bytes:
    """One row: float16 [3, 224, 224]."""
    left = chance.randint(0, picture.width - SIZE)
    top = chance.randint(0, picture.height - SIZE)
    mirrored = chance.random() < 0.5  # noqa: PLR2004 - half of them
    step, stride = picture.channels, picture.width * picture.channels
    planes = []
    for channel in range(3):
        first = left * step + min(channel, step - 1)
        for y in range(top, top + SIZE):
            begin = y * stride + first
            line = picture.pixels[begin : begin + SIZE * step : step]
            planes.append(line[::-1] if mirrored else line)
    pixels = b"".join(planes)
    halves = bytearray(2 * len(pixels))
    halves[0::2], halves[1::2] = pixels.translate(_LOW), pixels.translate(_HIGH)
    return bytes(halves)
