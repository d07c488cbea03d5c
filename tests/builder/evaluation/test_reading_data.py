"""Evaluation data from files: every format alike, safe casts only, and words for what is wrong."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyarrow import parquet

from modelservice_runtime.builder import evaluation
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.evaluation import blocks, columns
from modelservice_runtime.builder.evaluation.data import from_samples, read_data
from modelservice_runtime.builder.evaluation.fitting import fit_input
from modelservice_runtime.builder.evaluation.invalid import EVALUATION_DATA_INVALID, readable
from modelservice_runtime.builder.evaluation.tables import SUFFIXES
from modelservice_runtime.contract.tensors import DATATYPES, ModelInterface, TensorSpec

if TYPE_CHECKING:
    from conftest import Writer

ROWS = 7
PICTURES = np.arange(ROWS * 6, dtype=np.float32).reshape(ROWS, 2, 3)
AGES = np.arange(20, 20 + ROWS)
LABELS = np.arange(ROWS) % 3
GOOD = {"picture": PICTURES, "age": AGES, "label": LABELS}


def refused(path: Path, interface: ModelInterface) -> str:
    with pytest.raises(UserError) as caught:
        read_data(path, interface)
    assert caught.value.reason == EVALUATION_DATA_INVALID
    assert path.name in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_rows(
    written: Writer, interface: ModelInterface, suffix: str
) -> None:
    data = read_data(written(GOOD, suffix), interface)
    assert list(data.inputs) == ["picture", "age"]
    np.testing.assert_array_equal(data.inputs["picture"], PICTURES)
    np.testing.assert_array_equal(data.inputs["age"], AGES)
    assert data.inputs["picture"].dtype == np.float32
    assert data.labels is not None
    assert data.labels.dtype == np.int64
    np.testing.assert_array_equal(data.labels, LABELS)
    assert data.given == f"7 rows with labels from data{suffix}"
    assert len(data) == ROWS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_rows_have_the_same_keys_in_every_format(
    written: Writer, interface: ModelInterface, suffix: str
) -> None:
    data = read_data(written(GOOD, suffix), interface)
    same = read_data(written({**GOOD, "age": AGES.astype(np.int16)}, ".npz"), interface)
    assert data.keys == same.keys
    assert data.seed == same.seed
    assert len(set(data.keys)) == ROWS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_may_be_left_out(written: Writer, interface: ModelInterface, suffix: str) -> None:
    data = read_data(written({"picture": PICTURES, "age": AGES}, suffix), interface)
    assert data.labels is None
    assert "7 rows without labels" in data.given


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_columns_that_the_model_does_not_take_are_told(
    written: Writer, interface: ModelInterface, suffix: str
) -> None:
    data = read_data(written({**GOOD, "customer": AGES}, suffix), interface)
    assert set(data.inputs) == {"picture", "age"}
    assert any("customer" in note for note in data.notes)


BAD: list[tuple[str, Mapping[str, Any], str]] = [
    ("a missing input", {"picture": PICTURES}, r"input 'age' needs the \w+ '(input/)?age' \(int64"),
    ("other sizes", {**GOOD, "picture": PICTURES[:, :, :2]}, r"\[2, 2\].* takes \[2, 3\]"),
    ("no sizes", {**GOOD, "picture": AGES}, r"'picture' takes \[2, 3\]"),
    ("an axis too many", {**GOOD, "age": AGES[:, None, None]}, r"'age' takes \[\]"),
    ("no rows", {name: array[:0] for name, array in GOOD.items()}, "there are no rows"),
    ("floats for whole numbers", {**GOOD, "age": AGES + 0.5}, "'.*age' is float64, int64 is"),
    ("NaN", {**GOOD, "picture": np.where(PICTURES == 13, np.nan, PICTURES)}, "NaN or Inf in row 2"),
    ("infinity", {**GOOD, "picture": np.where(PICTURES == 13, -np.inf, PICTURES)}, "in row 2"),
    (
        "too large a float",
        {**GOOD, "picture": np.where(PICTURES == 6, 1e300, PICTURES.astype(float))},
        "'.*picture' has a value too large for float32 in row 1",
    ),
    (
        "whole numbers that a float cannot hold",
        {**GOOD, "picture": PICTURES.astype(np.int64) + 2**24},
        r"float32 cannot hold exactly in row 0 \(and 6 more rows\)",
    ),
    ("a label of NaN", {**GOOD, "label": np.where(LABELS == 2, np.nan, LABELS)}, "'label' has NaN"),
    ("a label beyond int64", {**GOOD, "label": LABELS.astype(np.uint64) + 2**63}, "int64 cannot"),
]
UNEQUAL = {**GOOD, "label": LABELS[:5]}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("columns_", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_does_not_fit_is_named(
    written: Writer,
    interface: ModelInterface,
    suffix: str,
    columns_: Mapping[str, Any],
    words: str,
) -> None:
    assert re.search(words, refused(written(columns_, suffix), interface))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_columns_of_different_lengths_are_named(
    written: Writer, interface: ModelInterface, suffix: str
) -> None:
    words = refused(written(UNEQUAL, suffix), interface)
    assert "key 'input/age' 7, key 'label' 5" in words


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("junk", [b"", b"junk", b"PK\x03\x04junk", b"PAR1" * 9], ids=repr)
def test_a_damaged_file_is_refused_in_words(
    tmp_path: Path, interface: ModelInterface, suffix: str, junk: bytes
) -> None:
    path = tmp_path / f"data{suffix}"
    path.write_bytes(junk)
    assert "cannot be read" in refused(path, interface)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_refused_in_words(
    written: Writer, interface: ModelInterface, suffix: str, share: float
) -> None:
    path = written(GOOD, suffix)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cannot be read" in refused(path, interface)


def test_damaged_bytes_inside_of_a_compressed_file_are_refused(
    tmp_path: Path, interface: ModelInterface
) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **{"input/picture": PICTURES, "input/age": AGES})
    text = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("input/picture.npy").header_offset
    text[offset + 70 : offset + 90] = bytes(20)
    path.write_bytes(text)
    refused(path, interface)


def test_another_ending_is_refused(tmp_path: Path, interface: ModelInterface) -> None:
    path = tmp_path / "data.csv"
    path.write_text("age\n3\n")
    assert ".safetensors, .npz, .parquet" in refused(path, interface)


def test_a_pickle_in_npz_is_never_opened(written: Writer, interface: ModelInterface) -> None:
    path = written({**GOOD, "age": np.array([{}] * ROWS, object)}, ".npz")
    assert "key 'input/age' is object" in refused(path, interface)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array(["a"] * ROWS), "'age' is string; numbers"),
        (pa.array([1, None, *range(ROWS - 2)]), "'age' has an empty value in row 1"),
        (pa.array([{"a": 1}] * ROWS), "'age' is struct<a: int64>; numbers or lists"),
        (pa.array([[[1, 2]]] * 3 + [[[1, None]]] * 4), "'age' has an empty value in row 3"),
        (pa.array([[1]] * 3 + [None] * 4), "'age' has an empty value in row 3"),
        (pa.array([[1]] * 3 + [[1, 2]] * 4), "lists of 1 and of 2 elements; all rows must have"),
    ],
    ids=["text", "null", "struct", "null in a list", "null for a list", "ragged"],
)
def test_what_parquet_can_hold_and_a_model_cannot_take_is_named(
    written: Writer, interface: ModelInterface, column: pa.Array, words: str
) -> None:
    assert words in refused(written({**GOOD, "age": column}, ".parquet"), interface)


def test_rows_of_different_lengths_are_refused_wherever_they_lie(tmp_path: Path) -> None:
    lists = pa.array([[1, 2, 3]] * 512 + [[1, 2]] * 9)
    path = tmp_path / "tokens.parquet"
    parquet.write_table(pa.table({"ids": lists}), path)
    tokens = ModelInterface(
        inputs=(TensorSpec(name="ids", datatype="INT64", dims=(-1,)),), outputs=()
    )
    assert "lists of 3 and of 2 elements" in refused(path, tokens)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(PICTURES.tolist()),
        pa.array(PICTURES.reshape(ROWS, 6).tolist()),
        pa.FixedSizeListArray.from_arrays(pa.array(PICTURES.ravel()), 6),
        pa.array(PICTURES.tolist(), pa.large_list(pa.list_(pa.float16(), 3))),
        pa.FixedShapeTensorArray.from_numpy_ndarray(PICTURES),
    ],
    ids=["nested", "flat", "fixed size", "half floats in fixed lists", "tensors"],
)
def test_parquet_lists_take_the_shape_of_the_input(
    written: Writer, interface: ModelInterface, column: Any
) -> None:
    data = read_data(written({**GOOD, "picture": column}, ".parquet"), interface)
    np.testing.assert_array_equal(data.inputs["picture"], PICTURES)


def test_a_parquet_column_of_numbers_fits_an_input_of_one(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"x": [1.5, 2.5], "label": [True, False]}), path)
    one = ModelInterface(inputs=(TensorSpec(name="x", datatype="FP32", dims=(1,)),), outputs=())
    data = read_data(path, one)
    np.testing.assert_array_equal(data.inputs["x"], np.float32([[1.5], [2.5]]))
    np.testing.assert_array_equal(data.labels, [1, 0])


def test_only_parquet_is_reshaped(written: Writer, interface: ModelInterface) -> None:
    refused(written({**GOOD, "picture": PICTURES.reshape(ROWS, 6)}, ".npz"), interface)


def test_an_input_called_label_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"label": [1.0, 2.0]}), path)
    spec = TensorSpec(name="label", datatype="FP32", dims=())
    data = read_data(path, ModelInterface(inputs=(spec,), outputs=()))
    assert data.labels is None
    np.testing.assert_array_equal(data.inputs["label"], [1.0, 2.0])


@pytest.mark.parametrize("shape", [(ROWS, 1), (ROWS, 4), (ROWS, 4, 1)], ids=str)
def test_labels_may_be_lists_and_lose_a_last_axis_of_one(
    written: Writer, interface: ModelInterface, shape: tuple[int, ...]
) -> None:
    labels = np.arange(np.prod(shape)).reshape(shape)
    for suffix in SUFFIXES:
        data = read_data(written({**GOOD, "label": labels}, suffix), interface)
        np.testing.assert_array_equal(data.labels, labels.squeeze())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2"])
def test_npz_of_every_layout_is_read(
    tmp_path: Path, interface: ModelInterface, order: Any, dtype: str, *, compressed: bool
) -> None:
    path = tmp_path / "data.npz"
    pictures = np.asarray(PICTURES, dtype, order=order)
    save = np.savez_compressed if compressed else np.savez
    save(path, **{"input/picture": pictures, "input/age": AGES.astype(">i2")})
    data = read_data(path, interface)
    np.testing.assert_array_equal(data.inputs["picture"], PICTURES)
    np.testing.assert_array_equal(data.inputs["age"], AGES)
    assert data.inputs["picture"].dtype == np.dtype("=f4")


def test_blocks_do_not_show(
    written: Writer, interface: ModelInterface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read two rows at a time, the file is the same, and the number of a bad row is right."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 48)
    for suffix in (".safetensors", ".npz"):
        data = read_data(written(GOOD, suffix), interface)
        np.testing.assert_array_equal(data.inputs["picture"], PICTURES)
        bad = {**GOOD, "picture": np.where(PICTURES == 33, np.nan, PICTURES)}
        assert "in row 5" in refused(written(bad, suffix), interface)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_of_too_many_rows_some_are_drawn_from_all_over_the_file(
    written: Writer, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MAX_ROWS", 100)
    one = ModelInterface(inputs=(TensorSpec(name="x", datatype="INT64", dims=()),), outputs=())
    path = written({"x": np.arange(3000), "label": np.arange(3000) * 2}, suffix)
    data = read_data(path, one)
    assert len(data) == 100
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, 2 * data.inputs["x"])
    assert data.inputs["x"].max() > 2500
    assert data.inputs["x"].min() < 500
    assert data.given.startswith("100 rows")
    assert any("100 of 3000 rows are used" in note for note in data.notes)
    np.testing.assert_array_equal(read_data(path, one).inputs["x"], data.inputs["x"])


def test_large_rows_are_limited_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_BYTES", 10 << 20)
    rows, note = columns.draw(1000, 1 << 20)
    assert len(rows) == 10
    assert "10 MiB" in note
    assert columns.draw(10, 1 << 20) == (pytest.approx(np.arange(10)), "")


def test_rows_stay_in_files_and_parts_of_them_too(
    written: Writer, interface: ModelInterface
) -> None:
    data = read_data(written(GOOD, ".npz"), interface)
    part = data.take(np.array([5, 1]))
    again = data.take(np.array([5, 1]))
    assert isinstance(data.inputs["picture"], np.memmap)
    assert isinstance(part.inputs["picture"], np.memmap)
    for one in (part, again):
        np.testing.assert_array_equal(one.inputs["picture"], PICTURES[[5, 1]])
        assert one.keys == (data.keys[5], data.keys[1])
        np.testing.assert_array_equal(one.labels, LABELS[[5, 1]])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cast_is_told(written: Writer, interface: ModelInterface, suffix: str) -> None:
    halves = PICTURES.astype(np.float64) + 0.1
    data = read_data(written({**GOOD, "picture": halves}, suffix), interface)
    np.testing.assert_array_equal(data.inputs["picture"], halves.astype(np.float32))
    assert any("picture': float64 rounded to float32" in note for note in data.notes)


INTEGERS = st.sampled_from([np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64, np.bool_])


@given(st.data(), INTEGERS, st.sampled_from(sorted(DATATYPES)))
def test_whole_numbers_are_cast_exactly_or_not_at_all(
    data: st.DataObject, given_type: Any, wanted: str
) -> None:
    block = data.draw(arrays.arrays(given_type, st.integers(1, 5)))
    spec = TensorSpec(name="x", datatype=wanted, dims=())
    try:
        taken = fit_input(block, "column 'x'", range(len(block)), spec=spec, nests=False)
    except UserError as error:
        assert "cannot hold exactly in row" in error.message  # noqa: PT017 - one of two outcomes
        assert [int(v) for v in block.astype(object)] != _within(block, wanted)
    else:
        assert taken.dtype.name == DATATYPES[wanted][0]
        assert [int(v) for v in taken.tolist()] == [int(v) for v in block.tolist()]


def _within(block: np.ndarray, wanted: str) -> list[int]:
    """The values that survive the way to the type and back, by Python's own integers."""
    dtype = np.dtype(DATATYPES[wanted][0])
    if dtype.kind == "f":
        most = 2 ** (np.finfo(dtype).nmant + 1)
        return [int(v) for v in block.tolist() if abs(int(v)) <= most]
    if dtype.kind == "b":
        return [int(v) for v in block.tolist() if int(v) in (0, 1)]
    info = np.iinfo(dtype)
    return [int(v) for v in block.tolist() if info.min <= int(v) <= info.max]


@given(arrays.arrays(np.float64, st.integers(1, 5)), st.sampled_from(["FP16", "FP32", "FP64"]))
def test_floats_are_rounded_and_never_become_infinite(block: np.ndarray, wanted: str) -> None:
    spec = TensorSpec(name="x", datatype=wanted, dims=())
    dtype = np.dtype(DATATYPES[wanted][0])
    with np.errstate(over="ignore"):
        fits = bool(np.isfinite(block.astype(dtype)).all())
    if fits:
        taken = fit_input(block, "column 'x'", range(len(block)), spec=spec, nests=False)
        np.testing.assert_array_equal(taken, block.astype(dtype))
    else:
        with pytest.raises(UserError, match="in row"):
            fit_input(block, "column 'x'", range(len(block)), spec=spec, nests=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(rows=st.integers(1, 600), width=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_what_is_read(written: Writer, rows: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    spec = TensorSpec(name="x", datatype="FP32", dims=(-1,))
    model = ModelInterface(inputs=(spec,), outputs=())
    read = [read_data(written({"x": values}, suffix), model).inputs["x"] for suffix in SUFFIXES]
    for array in read:
        np.testing.assert_array_equal(array, values)


def test_a_full_disk_is_no_fault_of_the_data(written: Writer, interface: ModelInterface) -> None:
    path = written(GOOD, ".npz")
    folder = path.with_name(f"{path.name}-arrays")
    folder.mkdir()
    (folder / "0.bin.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        read_data(path, interface)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EIO, "the disk"), OSError),
        (MemoryError(), MemoryError),
        (AssertionError("ours"), AssertionError),
        (OSError("a parser's own"), UserError),
        (ValueError("no number"), UserError),
    ],
    ids=repr,
)
def test_only_what_a_parser_says_is_a_fault_of_the_file(
    error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected), readable("data.npz"):
        raise error


def test_the_evaluation_needs_no_torch() -> None:
    """The builder of Keras models has none."""
    folder = Path(evaluation.__file__).parent
    names = sorted(f"{evaluation.__name__}.{path.stem}" for path in folder.glob("[!_]*.py"))
    code = f"import sys; [__import__(n) for n in {names}]; sys.exit('torch' in sys.modules)"
    assert len(names) > 10
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


COPIED = {"picture": PICTURES[[0, 1, 0, 2]], "age": AGES[[0, 1, 0, 2]]}


@pytest.mark.parametrize(
    ("labels", "kept"),
    [(None, [0, 1, 3]), ([5, 6, 5, 7], [0, 1, 3]), ([5, 6, 4, 7], [0, 1, 2, 3])],
    ids=["no labels", "the same label", "another label"],
)
def test_a_copy_is_no_sample_of_its_own(
    written: Writer, interface: ModelInterface, labels: list[int] | None, kept: list[int]
) -> None:
    """Rows with the same inputs and different labels are observations, and stay."""
    columns_ = COPIED if labels is None else {**COPIED, "label": labels}
    data = read_data(written(columns_, ".npz"), interface)
    np.testing.assert_array_equal(data.inputs["age"], COPIED["age"][kept])
    assert any("1 rows are copies" in note for note in data.notes) == (len(kept) < 4)
    assert data.given.startswith(f"{len(kept)} rows")


def test_the_example_inputs_stand_in_for_data() -> None:
    data = from_samples({"x": np.float32([[1], [2], [1]])})
    assert data.given == "2 example inputs, no labels"
    assert data.labels is None
    np.testing.assert_array_equal(data.inputs["x"], [[1], [2]])
