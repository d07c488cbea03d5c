"""Rows of the tumour example: Wisconsin's diagnostic breast cancer data, as scikit-learn has them.

569 tumours, each described by 30 measures of cell nuclei in a picture of a needle biopsy
(Wolberg, Street and Mangasarian 1995, UCI repository). Every second one is for the evaluation.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from preparing.packages import Packages
from preparing.tensors import Tensor, encoded, floats, integers, without_labels

MEASURES = 30
#: Rows that lie beside the model as its example inputs.
SAMPLES = 32


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    del out
    training, evaluation = parts(packages)
    return {
        "tumour-classifier/samples.safetensors": encoded(
            without_labels(tensors(training[:SAMPLES]))
        ),
        "tumour-classifier-data/training.safetensors": encoded(tensors(training)),
        "tumour-classifier-data/evaluation.safetensors": encoded(tensors(evaluation)),
    }


def parts(packages: Packages) -> tuple[list[list[float]], list[list[float]]]:
    """Training and evaluation rows: 30 measures, then 0 (malignant) or 1 (benign)."""
    path = packages.path("scikit-learn") / "sklearn/datasets/data/breast_cancer.csv"
    with path.open(encoding="ascii", newline="") as stream:
        rows = [[float(value) for value in row] for row in list(csv.reader(stream))[1:]]
    return rows[::2], rows[1::2]


def tensors(rows: Sequence[Sequence[float]]) -> Mapping[str, Tensor]:
    """``input/measures``, float32 [n, 30] in their own units, and ``label``, int64 [n]."""
    return {
        "input/measures": floats((v for row in rows for v in row[:MEASURES]), len(rows), MEASURES),
        "label": integers((int(row[MEASURES]) for row in rows), len(rows)),
    }
