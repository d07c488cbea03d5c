"""Rows of the digits example: handwritten digits of the UCI repository, as scikit-learn has them.

1797 pictures of 8 x 8 pixels, enlarged to 16 x 16. The first 900 are for training, the other 897
for the evaluation: rows are ordered by who wrote them, so most digits that are judged come from
people whose hand the model never saw.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from preparing.packages import Packages
from preparing.tensors import Tensor, encoded, floats, integers

SMALL, SIZE = 8, 16
DARKEST = 16
TRAINING_ROWS = 900


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    del out
    training, evaluation = parts(packages)
    return {
        "digits/training.safetensors": encoded(tensors(training)),
        "digits-data/evaluation.safetensors": encoded(tensors(evaluation)),
    }


def parts(packages: Packages) -> tuple[list[list[int]], list[list[int]]]:
    """Training and evaluation rows: 64 pixels from 0 to 16, then the digit."""
    path = packages.path("scikit-learn") / "sklearn/datasets/data/digits.csv.gz"
    with gzip.open(path, "rt", encoding="ascii", newline="") as stream:
        rows = [[int(float(value)) for value in row] for row in csv.reader(stream)]
    return rows[:TRAINING_ROWS], rows[TRAINING_ROWS:]


def tensors(rows: Sequence[Sequence[int]]) -> Mapping[str, Tensor]:
    """``input/image``, float32 [n, 1, 16, 16] from 0 to 1, and ``label``, int64 [n]."""
    pixels = [value for row in rows for value in enlarged(row[: SMALL * SMALL])]
    return {
        "input/image": floats(pixels, len(rows), 1, SIZE, SIZE),
        "label": integers((row[-1] for row in rows), len(rows)),
    }


def enlarged(pixels: Sequence[int]) -> list[float]:
    """8 x 8 from 0 to 16 → 16 x 16 from 0 to 1, bilinear; every value is exact in binary."""
    lines = [stretched(pixels[i : i + SMALL]) for i in range(0, len(pixels), SMALL)]
    columns = [stretched(column) for column in zip(*lines, strict=True)]
    return [value / DARKEST for row in zip(*columns, strict=True) for value in row]


def stretched(line: Sequence[float]) -> list[float]:
    """Twice as many values; each lies a quarter of a step beside an old one."""
    before = [line[0], *line[:-1]]
    after = [*line[1:], line[-1]]
    pairs = zip(before, line, after, strict=True)
    return [
        v
        for left, here, right in pairs
        for v in (0.75 * here + 0.25 * left, 0.75 * here + 0.25 * right)
    ]
