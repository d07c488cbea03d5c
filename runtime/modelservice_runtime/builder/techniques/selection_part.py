"""The selection part of the data, as accuracy control asks for it: items, scores, what is lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from modelservice_runtime.contract.requests import TOP1_AGREEMENT
from modelservice_runtime.contract.store_layout import INPUT_PREFIX, OUTPUT_PREFIX
from modelservice_runtime.contract.tensors import ModelInterface

from .base import CannotProduceError, Work
from .calibration_rows import RowFile, open_rows
from .guide import Guide
from .parameters import parameter

#: Rows of the part that are looked at, and rows of one item.
MOST_ROWS, ITEM_ROWS = 256, 4

#: One item: the number of its first row, and the inputs.
Item: TypeAlias = tuple[int, dict[str, np.ndarray]]
#: Inputs → the scored output.
Run: TypeAlias = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionPart:
    """``output``: name of what is scored; ``place``: its number among the model's outputs."""

    rows: RowFile
    guide: Guide
    output: str
    place: int

    def __iter__(self) -> Iterator[Item]:
        for first in range(0, self.rows.rows, ITEM_ROWS):
            yield first, self.rows.read(first, first + ITEM_ROWS)

    def __len__(self) -> int:
        return math.ceil(self.rows.rows / ITEM_ROWS)

    def loss(self, run: Run) -> float:
        """What a model loses here against the source model's own answers, in the metric's unit."""
        found = [self.guide.scores(run(inputs), first) for first, inputs in self]
        reference = self.guide.reference
        firsts = range(0, self.rows.rows, ITEM_ROWS)
        own = [self.guide.scores(reference[first : first + ITEM_ROWS], first) for first in firsts]
        return float(np.concatenate(own).mean() - np.concatenate(found).mean())


def selection_of(work: Work, interface: ModelInterface) -> SelectionPart:
    """Open the part; parameters ``metric`` and ``output`` (empty: the first) say what is scored.

    Raises:
        CannotProduceError: there is none, or it lacks an input or the output.
    """
    if work.selection is None:
        raise CannotProduceError("it needs the selection part of the data, and there is none")
    outputs = [spec.name for spec in interface.outputs]
    output = parameter(work, "output", "") or outputs[0]
    if output not in outputs:
        raise CannotProduceError(f"the model has no output {output!r}")
    inputs = tuple(spec.name for spec in interface.inputs)
    rows = open_rows(work.selection, inputs, MOST_ROWS, INPUT_PREFIX)
    guide = Guide(
        metric=parameter(work, "metric", TOP1_AGREEMENT),
        reference=_column(work.selection, OUTPUT_PREFIX + output, rows.rows),
        labels=_labels(work.selection, rows.rows),
    )
    return SelectionPart(rows=rows, guide=guide, output=output, place=outputs.index(output))


def _column(path: Path, name: str, rows: int) -> np.ndarray:
    return open_rows(path, (name,), rows).read(0, rows)[name]


def _labels(path: Path, rows: int) -> np.ndarray | None:
    try:
        return _column(path, "label", rows)
    except CannotProduceError:
        return None
