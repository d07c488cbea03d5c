"""The Python-backend runner's pure part: joining requests and cutting the answers apart."""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.serve.runner import batches

COUNTS = st.lists(st.integers(1, 5), min_size=1, max_size=8)
SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)


def requests(counts: list[int], shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Requests of ``counts`` rows; no two values are the same."""
    sizes = [count * int(np.prod(shape)) for count in counts]
    starts = np.cumsum([0, *sizes])
    return [
        {
            "a": (start + np.arange(size)).reshape(count, *shape),
            "b": -(start + np.arange(size)).reshape(count, *shape),
        }
        for count, size, start in zip(counts, sizes, starts, strict=False)
    ]


@given(COUNTS, SHAPES)
def test_split_is_the_inverse_of_join(counts: list[int], shape: tuple[int, ...]) -> None:
    rows = requests(counts, shape)
    assert [batches.count(arrays) for arrays in rows] == counts
    parts = batches.split(batches.join(rows), counts)
    assert len(parts) == len(rows)
    for part, arrays in zip(parts, rows, strict=True):
        assert part.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(part[name], array)


@given(COUNTS, st.integers(-3, 3).filter(bool))
def test_an_output_without_a_row_for_each_input_row_is_an_error(
    counts: list[int], wrong: int
) -> None:
    total = max(0, sum(counts) + wrong)
    with pytest.raises(ValueError, match="has shape"):
        batches.split({"y": np.zeros((total, 2))}, counts)


def test_an_output_without_rows_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"output 'y' has shape \(\)"):
        batches.split({"y": np.float32(1.0)}, [1])


def test_requests_of_different_shapes_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="dimension"):
        batches.join([{"x": np.zeros((1, 2))}, {"x": np.zeros((1, 3))}])


def test_a_lone_request_is_not_copied() -> None:
    rows = {"x": np.zeros((2, 2))}
    assert batches.join([rows]) is rows


def test_what_is_loaded_is_out_of_the_garbage_collector_s_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full collection would stop all answers for as long as it looks at the engine's modules."""
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", ModuleType("pb_utils"))
    runner = importlib.import_module("modelservice_runtime.serve.runner.model")
    monkeypatch.setattr(runner, "read_served", lambda *_: SimpleNamespace())
    monkeypatch.setattr(runner, "engines", SimpleNamespace(load=lambda _: object()))
    before = gc.get_freeze_count()
    try:
        runner.TritonPythonModel().initialize({"model_config": "{}"})
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
