"""Does a column fit the model's input? Casts that keep the values, words for those that do not.

=================  =====================  ==========================================
given              the model takes        taken
=================  =====================  ==========================================
the same type                             as it is
integers, bool     integers, bool         if every value fits
integers, bool     floats                 if every value is exact in it
floats             floats                 rounded, if none becomes infinite
floats             integers, bool         never
=================  =====================  ==========================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelservice_runtime.contract.tensors import DATATYPES, TensorSpec

from .invalid import invalid

_WHOLE = "biu"


def fit_input(
    block: np.ndarray, where: str, numbers: Sequence[int], *, spec: TensorSpec, nests: bool
) -> np.ndarray:
    """``block`` (rows, …) as the input ``spec`` takes it.

    ``where``: the column, for messages; ``numbers``: the rows' numbers in the file; ``nests``:
    a flat row may be reshaped to the input's sizes.

    Raises:
        UserError: sizes or type do not fit, or a value is NaN or Inf.
    """
    numpy_name, _ = DATATYPES[spec.datatype]
    fitted = _shaped(block, spec.dims, nests=nests)
    if fitted is None:
        raise invalid(
            f"{where} has rows of shape {list(block.shape[1:])}, the model's input {spec.name!r}"
            f" takes {sizes_in_words(spec.dims)}"
        )
    _refuse_not_finite(fitted, where, numbers)
    return _cast(fitted, np.dtype(numpy_name), where, numbers)


def fit_labels(block: np.ndarray, where: str, numbers: Sequence[int]) -> np.ndarray:
    """Labels as int64 or as floats, (rows,) or (rows, …); a last axis of size 1 is dropped.

    Raises:
        UserError: a value is NaN or Inf, or too large for int64.
    """
    if block.ndim > 1 and block.shape[-1] == 1:
        block = block[..., 0]
    _refuse_not_finite(block, where, numbers)
    if block.dtype.kind in _WHOLE:
        return _cast(block, np.dtype(np.int64), where, numbers)
    single = block.dtype.name == "float32"
    return _cast(block, np.dtype(np.float32 if single else np.float64), where, numbers)


def cast_note(given: Any, taken: Any, where: str) -> str:  # noqa: ANN401 - numpy is untyped here
    """What was done to the type, in words; empty if nothing was."""
    if given.name == taken.name:
        return ""
    rounded = given.kind == "f" and taken.itemsize < given.itemsize
    return f"{where}: {given.name} {'rounded to' if rounded else 'taken as'} {taken.name}"


def sizes_in_words(dims: Sequence[int]) -> str:
    """``[3, any]``."""
    return f"[{', '.join('any' if size < 0 else str(size) for size in dims)}]"


def _shaped(block: np.ndarray, dims: Sequence[int], *, nests: bool) -> np.ndarray | None:
    sizes = block.shape[1:]
    alike = len(sizes) == len(dims) and all(
        want in (-1, got) for want, got in zip(dims, sizes, strict=True)
    )
    if alike:
        return block if 0 not in sizes else None
    flat = len(sizes) <= 1 and min(dims, default=1) > 0
    if nests and flat and math.prod(sizes) == math.prod(dims):
        return block.reshape(len(block), *dims)
    return None


def _refuse_not_finite(block: np.ndarray, where: str, numbers: Sequence[int]) -> None:
    if block.dtype.kind == "f":
        _refuse(~np.isfinite(block), where, numbers, "has NaN or Inf")


def _cast(block: np.ndarray, wanted: Any, where: str, numbers: Sequence[int]) -> np.ndarray:  # noqa: ANN401
    given = block.dtype
    if given.kind == "f" and wanted.kind in _WHOLE:
        raise invalid(
            f"{where} is {given.name}, {wanted.name} is expected; floats are not rounded to whole"
            " numbers here"
        )
    if given.kind in _WHOLE:
        low, high = _range(wanted)
        outside = (block < low) | (block > high)
        _refuse(outside, where, numbers, f"has a value that {wanted.name} cannot hold exactly")
    with np.errstate(over="ignore"):
        taken: np.ndarray = block.astype(wanted)
    if given.kind == "f":
        _refuse(~np.isfinite(taken), where, numbers, f"has a value too large for {wanted.name}")
    return taken


def _range(wanted: Any) -> tuple[int, int]:  # noqa: ANN401 - numpy is untyped here
    """The whole numbers that the type ``wanted`` holds exactly, without a gap."""
    if wanted.kind == "b":
        return 0, 1
    if wanted.kind == "f":
        most = 2 ** (np.finfo(wanted).nmant + 1)
        return -most, most
    info = np.iinfo(wanted)
    return int(info.min), int(info.max)


def _refuse(bad: np.ndarray, where: str, numbers: Sequence[int], words: str) -> None:
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    if len(rows):
        more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        raise invalid(f"{where} {words} in row {numbers[int(rows[0])]}{more}")
