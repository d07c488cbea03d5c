"""Example inputs of an ONNX source: given beside it, or made up from its declared shapes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from modelservice_runtime.contract.store_layout import INPUT_PREFIX, SAMPLES_FILE
from modelservice_runtime.contract.tensors import DATATYPES, ModelInterface, TensorSpec

from .errors import EXAMPLE_INPUTS_INVALID, UserError
from .tensors import Arrays, check_rows, read

NPZ_FILE = "samples.npz"
MADE_UP_ROWS = 8
#: Size of an axis beyond the batch that the model leaves open.
OPEN_AXIS_SIZE = 16
_SEED = 20240607
#: Made-up integers stay small: they may be indices into a table.
_INTEGER_END = 2


def sample_inputs(model: Path, interface: ModelInterface) -> tuple[Arrays, list[str]]:
    """The example inputs and what to tell about them.

    Raises:
        UserError: the given ones do not fit the model's inputs.
    """
    given = _given(model.parent)
    if given is None:
        return made_up(interface), [_made_up_note(interface)]
    arrays = {
        name.removeprefix(INPUT_PREFIX): array
        for name, array in given.items()
        if name.startswith(INPUT_PREFIX)
    }
    _check(arrays, interface)
    return {spec.name: arrays[spec.name] for spec in interface.inputs}, []


def made_up(interface: ModelInterface) -> Arrays:
    """The same arrays for the same interface, always."""
    generator = np.random.default_rng(_SEED)
    return {spec.name: _made_up_array(spec, generator) for spec in interface.inputs}


def _made_up_array(spec: TensorSpec, generator: np.random.Generator) -> np.ndarray:
    shape = (MADE_UP_ROWS, *(size if size > 0 else OPEN_AXIS_SIZE for size in spec.dims))
    numpy_name, _ = DATATYPES[spec.datatype]
    if numpy_name.startswith("float"):
        floats: np.ndarray = generator.standard_normal(shape).astype(numpy_name)
        return floats
    integers: np.ndarray = generator.integers(0, _INTEGER_END, shape).astype(numpy_name)
    return integers


def _made_up_note(interface: ModelInterface) -> str:
    is_open = any(size < 0 for spec in interface.inputs for size in spec.dims)
    axes = f", open axes as {OPEN_AXIS_SIZE}" if is_open else ""
    return (
        f"the source has no {SAMPLES_FILE} or {NPZ_FILE}: {MADE_UP_ROWS} example rows were made"
        f" up (normal floats, integers 0 and 1{axes})"
    )


def _given(folder: Path) -> Arrays | None:
    try:
        if (folder / SAMPLES_FILE).is_file():
            return read(folder / SAMPLES_FILE)
        if (folder / NPZ_FILE).is_file():
            with np.load(folder / NPZ_FILE, allow_pickle=False) as opened:
                return dict(opened)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise UserError(
            EXAMPLE_INPUTS_INVALID, f"the samples beside the model cannot be read: {error}"
        ) from error
    except Exception as error:
        # safetensors' own error type is an Exception of its Rust half.
        raise UserError(
            EXAMPLE_INPUTS_INVALID, f"{SAMPLES_FILE} cannot be read: {error}"
        ) from error
    return None


def _check(arrays: Arrays, interface: ModelInterface) -> None:
    wanted = {spec.name: spec for spec in interface.inputs}
    if set(arrays) != set(wanted):
        raise UserError(
            EXAMPLE_INPUTS_INVALID,
            f"the samples have {sorted(arrays)}, the model takes {sorted(wanted)};"
            f" name them {INPUT_PREFIX}NAME",
        )
    check_rows({name: array.shape for name, array in arrays.items()})
    for name, array in arrays.items():
        spec = wanted[name]
        numpy_name, _ = DATATYPES[spec.datatype]
        sizes = array.shape[1:]
        fits = len(sizes) == len(spec.dims) and all(
            want in (-1, got) for want, got in zip(spec.dims, sizes, strict=True)
        )
        if array.dtype.name != numpy_name or not fits:
            raise UserError(
                EXAMPLE_INPUTS_INVALID,
                f"sample {name!r} is {array.dtype.name}{list(array.shape)}, the model takes"
                f" {numpy_name} [rows, {', '.join(map(str, spec.dims))}]",
            )
