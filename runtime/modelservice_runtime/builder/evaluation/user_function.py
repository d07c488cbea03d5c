"""The user's metric function, found, called and checked. Runs in a worker process only.

``module:function(outputs, labels, inputs)`` → one number for each row, more is better:

* outputs: ``dict[str, ndarray]``, rows first, of one model on one part of the data;
* labels: ``ndarray``, or None where the data have none;
* inputs: ``dict[str, ndarray]``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from modelservice_runtime.builder.errors import (
    ENTRYPOINT_FAILED,
    ENTRYPOINT_NOT_FOUND,
    UserError,
)
from modelservice_runtime.builder.places import place_of
from modelservice_runtime.builder.worker_loop import is_out_of_memory

from .invalid import EVALUATION_DATA_INVALID

FIELD = "spec.evaluation.entrypoint"


def find(entrypoint: str) -> Callable[..., object]:
    """The function behind ``module:function``.

    Raises:
        UserError: no such module or function, or the module fails to import.
    """
    module_name, _, function_name = entrypoint.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _is_part(error.name or "", module_name):
            raise UserError(
                ENTRYPOINT_NOT_FOUND,
                f"{FIELD} {entrypoint!r}: the source has no module {error.name!r}; the folder given"
                f" as the model's uri must hold {module_name.replace('.', '/')}.py",
            ) from error
        raise _raised(entrypoint, error) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UserError(
            ENTRYPOINT_NOT_FOUND,
            f"{FIELD} {entrypoint!r}: module {module_name!r} has no function {function_name!r}",
        )
    return function  # type: ignore[no-any-return]


def scores(
    function: Callable[..., object], entrypoint: str, arrays: tuple[Any, Any, Any], rows: int
) -> np.ndarray:
    """What ``function`` gives for ``arrays`` (outputs, labels, inputs): float64 (rows,).

    Raises:
        UserError: it raised (where), or returned something else than promised (what).
    """
    try:
        returned = function(*arrays)
    except (Exception, SystemExit) as error:
        raise _raised(entrypoint, error) from error
    return check(returned, entrypoint, rows)


def check(returned: object, entrypoint: str, rows: int) -> np.ndarray:
    """The returned value as float64 (rows,).

    Raises:
        UserError: it is none, or has NaN or Inf; says for how many rows.
    """
    wanted = f"it must return {rows} numbers, one for each row"
    try:
        array: np.ndarray = np.asarray(returned)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _wrong(entrypoint, f"{_short(error)}; {wanted}") from error
    if array.dtype.kind not in "biuf":
        raise _wrong(entrypoint, f"{type(returned).__name__} of {array.dtype}; {wanted}")
    if array.shape != (rows,):
        raise _wrong(entrypoint, f"an array of shape {list(array.shape)}; {wanted}")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise _wrong(entrypoint, f"NaN or Inf for {len(bad)} of {rows} rows, first for {bad[0]}")
    numbers: np.ndarray = array.astype(np.float64)
    return numbers


def _is_part(missing: str, module_name: str) -> bool:
    """Whether the missing module is the one asked for, and not one that it imports."""
    return bool(missing) and f"{module_name}.".startswith(f"{missing}.")


def _raised(entrypoint: str, error: BaseException) -> UserError | MemoryError:
    if is_out_of_memory(error):
        return MemoryError(str(error))
    where = place_of(error)
    words = f"{FIELD} {entrypoint!r} raised {_short(error)}"
    return UserError(ENTRYPOINT_FAILED, words + (f" at {where}" if where else ""))


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:400]


def _wrong(entrypoint: str, words: str) -> UserError:
    return UserError(EVALUATION_DATA_INVALID, f"{FIELD} {entrypoint!r} returned {words}")
