"""The artifact of ``add``, which takes no time at all: what serving it costs is all there is.

    python -m tuner_figures.models.adding FOLDER

Runs in the serving environment, with the modules that its tests make their artifacts with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from artifacts import write_files
from models import Model
from tiny_onnx import FLOAT, Value, model, node

from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

WIDTH, ROWS = 16, 16


def adding() -> Model:
    """``sum = one + other``, of 16 numbers each."""
    names = ("one", "other")
    random = np.random.default_rng(1)
    return Model(
        onnx=model(
            [node("Add", list(names), ["sum"])],
            [Value(name=name, element=FLOAT, dims=(WIDTH,)) for name in names],
            [Value(name="sum", element=FLOAT, dims=(WIDTH,))],
            {},
        ),
        interface=ModelInterface(
            inputs=tuple(_vector(name) for name in names), outputs=(_vector("sum"),)
        ),
        inputs={name: random.standard_normal((ROWS, WIDTH)).astype(np.float32) for name in names},
    )


def _vector(name: str) -> TensorSpec:
    return TensorSpec(name=name, datatype="FP32", dims=(WIDTH,))


if __name__ == "__main__":
    write_files(adding(), Path(sys.argv[1]))
