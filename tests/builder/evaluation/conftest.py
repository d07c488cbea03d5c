"""Fixtures of the evaluation's tests: models' interfaces and data files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

Writer: TypeAlias = Callable[[Mapping[str, Any], str], Path]


@pytest.fixture
def interface() -> ModelInterface:
    """A model of pictures and ages that gives ten class scores."""
    return ModelInterface(
        inputs=(
            TensorSpec(name="picture", datatype="FP32", dims=(2, 3)),
            TensorSpec(name="age", datatype="INT64", dims=()),
        ),
        outputs=(TensorSpec(name="scores", datatype="FP32", dims=(10,)),),
    )


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Write columns (inputs by name, and ``label``) in the format of an ending."""

    def write(columns: Mapping[str, Any], suffix: str) -> Path:
        path = tmp_path / f"data{suffix}"
        keys = {name if name == "label" else f"input/{name}": columns[name] for name in columns}
        if suffix == ".safetensors":
            arrays = {name: np.ascontiguousarray(np.asarray(a)) for name, a in keys.items()}
            save_file(arrays, path)
        elif suffix == ".npz":
            np.savez(path, allow_pickle=True, **{name: np.asarray(keys[name]) for name in keys})
        else:
            parquet.write_table(pa.table({n: _arrow(columns[n]) for n in columns}), path)
        return path

    return write


def _arrow(column: Any) -> Any:
    if isinstance(column, pa.Array):
        return column
    array = np.asarray(column)
    return pa.array(array.tolist()) if array.ndim > 1 else pa.array(array)
