"""The user's function, called and checked. Runs in a worker process only.

``module:function`` → ``(module, inputs)`` or ``(module, inputs, options)``:

* module: an ``nn.Module``, called as ``module(**inputs)``;
* inputs: ``dict[str, Tensor]``, first dimension the batch, at least one row;
* options (all optional): ``output_names``: list of names for the outputs, ``dynamic_axes``:
  ``{input: {axis: name}}`` for axes beyond the batch whose size may vary.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from modelservice_runtime.contract.requests import PYTORCH

from .errors import (
    ENTRYPOINT_FAILED,
    ENTRYPOINT_NOT_A_MODULE,
    ENTRYPOINT_NOT_FOUND,
    EXAMPLE_INPUTS_INVALID,
    UserError,
)
from .pickles import is_refused_load, not_pinned, watching
from .places import place_of
from .tensors import check_name, check_rows, datatype
from .worker_loop import is_out_of_memory

#: More rows make parity and the published samples larger, not better.
MAX_SAMPLE_ROWS = 256
_OPTIONS = {"output_names", "dynamic_axes"}
_RETURNS = "it must return (module, inputs) or (module, inputs, options)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the entrypoint gave, checked. ``notes``: what was changed, in words."""

    module: torch.nn.Module
    inputs: dict[str, torch.Tensor]
    output_names: tuple[str, ...] = ()
    dynamic_axes: dict[str, dict[int, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def load(source: Path, entrypoint: str, module_path: list[str], *, pinned: bool = False) -> Loaded:
    """Import, call and check the entrypoint.

    ``module_path``: the requirements' folders; ``pinned``: a digest pins the source's bytes, so
    its code may unpickle what it likes, and a note says so.

    Raises:
        UserError: it does not exist, raises, returns something else than promised, or unpickles
            without a pin.
    """
    sys.path[:0] = [str(source), *module_path]
    importlib.invalidate_caches()
    with watching(strict=not pinned) as watch:
        returned = call(find(entrypoint), entrypoint)
    loaded = check(returned, entrypoint)
    return replace(loaded, notes=(*loaded.notes, *watch.notes()))


def find(entrypoint: str) -> Callable[..., object]:
    """The function behind ``module:function``, the model's or the training's.

    Raises:
        UserError: no such module or function, or the module fails to import.
    """
    module_name, _, function_name = entrypoint.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.split(".")[: error.name.count(".") + 1] == error.name.split(
            "."
        ):
            raise UserError(
                ENTRYPOINT_NOT_FOUND,
                f"entrypoint {entrypoint!r}: the source has no module {error.name!r}; the folder"
                f" given as uri must hold {module_name.replace('.', '/')}.py",
            ) from error
        raise failed(entrypoint, error, "add it to requirements.txt, with hashes") from error
    except (Exception, SystemExit) as error:
        raise failed(entrypoint, error) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UserError(
            ENTRYPOINT_NOT_FOUND,
            f"entrypoint {entrypoint!r}: module {module_name!r} has no function {function_name!r}",
        )
    return function  # type: ignore[no-any-return]


def call(function: Callable[[], object], entrypoint: str) -> object:
    """Call it without arguments.

    Raises:
        UserError: it raised, or left through ``sys.exit``.
    """
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise failed(entrypoint, error) from error


def failed(entrypoint: str, error: BaseException, advice: str = "") -> UserError | MemoryError:
    """What the user's function raised, as the build's error with the place in the user's code."""
    if isinstance(error, UserError):
        return error
    if is_out_of_memory(error):
        return MemoryError(str(error))
    where = place_of(error) or _last_place(error)
    if is_refused_load(error):
        return not_pinned(f"entrypoint {entrypoint!r} loads a pickle at {where}", PYTORCH)
    words = f"{type(error).__name__}: {error}"[:400]
    return UserError(
        ENTRYPOINT_FAILED,
        f"entrypoint {entrypoint!r} raised {words}"
        + (f" at {where}" if where else "")
        + (f"; {advice}" if advice else ""),
    )


def _last_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def check(returned: object, entrypoint: str) -> Loaded:
    """The returned value, checked.

    Raises:
        UserError: naming what is wrong with it.
    """
    module, inputs, options = _unpack(returned, entrypoint)
    if not isinstance(module, torch.nn.Module):
        raise UserError(
            ENTRYPOINT_NOT_A_MODULE,
            f"entrypoint {entrypoint!r} returned {type(module).__name__} where a torch.nn.Module"
            f" is expected; {_RETURNS}",
        )
    notes = []
    if any(part.training for part in module.modules()):
        module.eval()
        notes.append("the module was in training mode; eval() was called")
    tensors = _check_inputs(inputs)
    rows = check_rows({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    if rows > MAX_SAMPLE_ROWS:
        tensors = {name: tensor[:MAX_SAMPLE_ROWS] for name, tensor in tensors.items()}
        notes.append(f"{rows} example rows were given; the first {MAX_SAMPLE_ROWS} are used")
    module.requires_grad_(requires_grad=False)
    return Loaded(
        module=module.cpu(),
        inputs=tensors,
        output_names=_check_output_names(options),
        dynamic_axes=_check_axes(options, tensors),
        notes=tuple(notes),
    )


def _unpack(returned: object, entrypoint: str) -> tuple[object, object, Mapping[str, Any]]:
    if isinstance(returned, torch.nn.Module):
        raise UserError(
            EXAMPLE_INPUTS_INVALID,
            f"entrypoint {entrypoint!r} returned a module alone; {_RETURNS}",
        )
    if not isinstance(returned, tuple) or len(returned) not in {2, 3}:
        raise UserError(
            ENTRYPOINT_NOT_A_MODULE,
            f"entrypoint {entrypoint!r} returned {type(returned).__name__}; {_RETURNS}",
        )
    options = returned[2] if len(returned) == 3 else {}  # noqa: PLR2004 - the third is the options
    if not isinstance(options, Mapping) or set(options) - _OPTIONS:
        raise _invalid(f"options must be a dict with keys among {sorted(_OPTIONS)}: {options!r}")
    return returned[0], returned[1], options


def _check_inputs(inputs: object) -> dict[str, torch.Tensor]:
    if not isinstance(inputs, Mapping):
        raise _invalid(f"inputs must be a dict of tensors by name, got {type(inputs).__name__}")
    for name, tensor in inputs.items():
        check_name(name)
        if not isinstance(tensor, torch.Tensor):
            raise _invalid(f"input {name!r} must be a tensor, got {type(tensor).__name__}")
        datatype(name, str(tensor.dtype).removeprefix("torch."))
    return {name: tensor.detach().cpu().contiguous() for name, tensor in inputs.items()}


def _check_output_names(options: Mapping[str, Any]) -> tuple[str, ...]:
    names = options.get("output_names") or ()
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise _invalid(f"options['output_names'] must be a list of names: {names!r}")
    for name in names:
        check_name(name)
    if len(set(names)) != len(names):
        raise _invalid(f"options['output_names'] has a name twice: {names!r}")
    return tuple(names)


def _check_axes(
    options: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> dict[str, dict[int, str]]:
    axes = options.get("dynamic_axes") or {}
    if not isinstance(axes, Mapping):
        raise _invalid(f"options['dynamic_axes'] must be {{input: {{axis: name}}}}: {axes!r}")
    for name, names in axes.items():
        if name not in tensors:
            raise _invalid(f"options['dynamic_axes'] names {name!r}, which is no input")
        sizes = range(1, tensors[name].dim())
        if not isinstance(names, Mapping) or any(axis not in sizes for axis in names):
            raise _invalid(
                f"options['dynamic_axes'][{name!r}] must map axes 1 … {tensors[name].dim() - 1} to"
                f" names: {names!r}"
            )
    return {str(name): {int(k): str(v) for k, v in names.items()} for name, names in axes.items()}


def _invalid(message: str) -> UserError:
    return UserError(EXAMPLE_INPUTS_INVALID, message)
