"""Rows that lie in files: read and written some at a time, and the same all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file as load_torch

from modelservice_runtime.builder.evaluating import write_in_blocks
from modelservice_runtime.builder.evaluation import blocks as block_sizes
from modelservice_runtime.builder.evaluation.given import from_arrays
from modelservice_runtime.builder.evaluation.spilling import blocks, picked, spilled

TYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def resident_bytes() -> int:
    """Of this process, what is mapped from files included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@given(st.lists(st.sampled_from(TYPES), min_size=1, max_size=5), st.integers(0, 7))
def test_both_packages_read_what_is_written(
    tmp_path_factory: pytest.TempPathFactory, types: list[str], rows: int
) -> None:
    generator = np.random.default_rng(rows)
    arrays = {
        f"{kind}/{place}": generator.integers(0, 2, (rows, place + 1)).astype(kind)
        for place, kind in enumerate(types)
    }
    path = tmp_path_factory.getbasetemp() / "rows.safetensors"
    write_in_blocks(path, arrays)
    for found in (load_numpy(path), {n: t.numpy() for n, t in load_torch(path).items()}):
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_of_a_mapped_file_only_a_few_rows_are_in_memory(tmp_path: Path) -> None:
    rows, width = 64, 1 << 20
    whole = rows * width * 4
    source = spilled((np.full((1, width), row, np.float32) for row in range(rows)), tmp_path / "a")
    before = resident_bytes()
    most = 0
    for number, block in enumerate(blocks(source)):
        assert block[0, 0] == number * len(block)
        most = max(most, resident_bytes() - before)
    assert most < whole / 2
    some = picked(source, np.arange(0, rows, 2))
    assert some[:, 0].tolist() == list(range(0, rows, 2))
    write_in_blocks(tmp_path / "b.safetensors", {"x": source})
    assert resident_bytes() - before < whole / 2
    np.testing.assert_array_equal(load_numpy(tmp_path / "b.safetensors")["x"], source)


def test_equal_rows_have_equal_keys_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"x": np.arange(12, dtype=np.float32).reshape(6, 2) % 6, "y": np.zeros(6, np.int64)}
    mapped = {n: spilled([array], tmp_path / n) for n, array in plain.items()}
    monkeypatch.setattr(block_sizes, "BLOCK_BYTES", 16)
    keys = from_arrays(plain, None, given="").keys
    assert keys == from_arrays(mapped, None, given="").keys
    assert keys[:3] == keys[3:]
    assert len(set(keys)) == 3
