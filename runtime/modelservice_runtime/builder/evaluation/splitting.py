"""Evaluation data → three parts that share no row: calibration, selection and gate.

* **Calibration** (15 %, at most 256 rows): what quantization looks at. More rows change the
  ranges of activations little.
* **Selection** (25 %, at most 2,000 rows): where candidates are compared and accuracy control
  looks. Only points are read from it, no proof.
* **Gate** (the rest, 60 % or more): looked at once, for the proof. Its size decides what can be
  proven, so what the other two do not need goes to it.

With fewer than 30 rows all of them are the gate's: no goal that is worth the name can be proven
with so few (a loss of at most 5 % takes 73 rows), so there is nothing to prepare by calibrating
or selecting, and the verdict says how many rows are needed. The sizes depend on nothing but the
number of rows: if they followed the goal, another goal would change the calibration data and
every candidate made with it.

Rows with equal inputs go to the same part, whole: a gate row that was calibrated on would be no
proof. Which part a row gets is drawn by a hash of the data's digest and the row, so it is the
same in every build and does not depend on the order of the rows. With single class numbers as
labels the draw is stratified, at the price of one more sort: each class is spread evenly over the
draw, so every part has its share of every class to within a row; of a class with one or two rows
the gate gets what there is first.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .given import Data

FEWEST = 30
CALIBRATION_PERCENT, CALIBRATION_MOST = 15, 256
SELECTION_PERCENT, SELECTION_MOST = 25, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The three parts; calibration and selection may be empty."""

    calibration: Data
    selection: Data
    gate: Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The numbers of the rows of each part, ascending."""

    calibration: np.ndarray
    selection: np.ndarray
    gate: np.ndarray


def split(data: Data, digest: str) -> Split:
    """The parts of ``data``. ``digest``: of the data, seeds the draw.

    Raises:
        OSError: the scratch folder cannot be written.
    """
    rows = divide(data.keys, _classes(data), digest)
    return Split(
        calibration=_part(data, rows.calibration),
        selection=_part(data, rows.selection),
        gate=_part(data, rows.gate),
    )


def sizes(rows: int) -> tuple[int, int]:
    """Rows of calibration and selection, at most; the gate has the others."""
    if rows < FEWEST:
        return 0, 0
    return (
        min(CALIBRATION_MOST, rows * CALIBRATION_PERCENT // 100),
        min(SELECTION_MOST, rows * SELECTION_PERCENT // 100),
    )


def rows_for(gate_rows: int) -> int:
    """Rows to give so that the gate gets at least ``gate_rows``."""
    selection_left = 100 - SELECTION_PERCENT
    by_share = _ceiling(gate_rows * 100, selection_left - CALIBRATION_PERCENT)
    beside_most_calibration = _ceiling((gate_rows + CALIBRATION_MOST) * 100, selection_left)
    beside_most = gate_rows + CALIBRATION_MOST + SELECTION_MOST
    return max(FEWEST, min(by_share, beside_most_calibration, beside_most))


def divide(keys: Sequence[bytes], classes: Sequence[int] | None, digest: str) -> Rows:
    """The rows of each part. ``keys``: equal for equal rows; ``classes``: to stratify by."""
    calibration_most, selection_most = sizes(len(keys))
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for group in _shuffled(keys, classes, digest):
        if len(parts[0]) + len(group) <= calibration_most:
            parts[0].extend(group)
        elif len(parts[1]) + len(group) <= selection_most:
            parts[1].extend(group)
        else:
            parts[2].extend(group)
    return Rows(
        **{
            name: np.array(sorted(rows), dtype=np.int64)
            for name, rows in zip(("calibration", "selection", "gate"), parts, strict=True)
        }
    )


def _shuffled(keys: Sequence[bytes], classes: Sequence[int] | None, digest: str) -> list[list[int]]:
    """Groups of equal rows, drawn; each class evenly spread over the whole."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        groups[key].append(row)
    drawn = sorted(groups, key=lambda key: hashlib.sha256(digest.encode() + key).digest())
    if classes is None:
        return [groups[key] for key in drawn]
    strata: dict[int, list[bytes]] = defaultdict(list)
    for key in drawn:
        strata[min(classes[row] for row in groups[key])].append(key)
    places = {
        key: (place + 0.5) / len(stratum)
        for stratum in strata.values()
        for place, key in enumerate(stratum)
    }
    return [groups[key] for key in sorted(drawn, key=places.__getitem__)]


def _classes(data: Data) -> list[int] | None:
    labels = data.labels
    if labels is None or labels.ndim != 1 or labels.dtype.kind != "i":
        return None
    classes: list[int] = labels.tolist()
    return classes


def _part(data: Data, rows: np.ndarray) -> Data:
    return dataclasses.replace(data.take(rows), notes=())


def _ceiling(number: int, divisor: int) -> int:
    return -(-number // divisor)
