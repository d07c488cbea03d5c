"""A ``torch.export`` program as a source: found, looked at, loaded, called by input name.

Worker process only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import InputKind, TensorArgument
from torch.utils import _pytree as pytree

from modelservice_runtime.contract.requests import TORCH_EXPORT
from modelservice_runtime.contract.store_layout import SAMPLES_FILE
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from . import program_parts, samples
from .entrypoint import Loaded
from .errors import MODEL_INVALID, UserError
from .pickles import not_pinned, watching
from .tensors import check_name, datatype
from .worker_loop import is_out_of_memory

#: Stands for the highest batch in advice, where nothing better is known.
_SOME_ROWS = 64


class ByName(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """The program, called with its tensors by name.

    ``most_rows``: more are run in parts; None leaves that out, which a trace has to follow.
    """

    def __init__(self, program: torch.export.ExportedProgram, most_rows: int | None) -> None:
        super().__init__()
        self._call = program.module()
        self._in_spec = program.call_spec.in_spec
        self._names = input_names(program)
        self._most_rows = most_rows

    def forward(self, **inputs: torch.Tensor) -> object:
        """What the program returns, in its own structure."""
        tensors = [inputs[name] for name in self._names]
        if self._most_rows is None or tensors[0].shape[0] <= self._most_rows:
            return self._once(tensors)
        chunks = zip(*(tensor.split(self._most_rows) for tensor in tensors), strict=True)
        parts = [self._once(list(chunk)) for chunk in chunks]
        return pytree.tree_map(lambda *pieces: torch.cat(pieces), *parts)

    def _once(self, tensors: list[torch.Tensor]) -> object:
        args, kwargs = pytree.tree_unflatten(tensors, self._in_spec)
        return self._call(*args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProgram:
    """``loaded.module`` is a ``ByName``. ``most_rows``: the highest batch, None for any."""

    program: torch.export.ExportedProgram
    loaded: Loaded
    most_rows: int | None


def load(source: Path, *, pinned: bool) -> LoadedProgram:
    """The program in the folder ``source`` with example inputs.

    Those are, in this order: the samples beside it, what it was exported with, made up.

    Raises:
        UserError: there is none, it cannot be served, or holds pickles and is not pinned.
    """
    path = find(source)
    parts = program_parts.look_into(path)
    if parts.pickled and not pinned:
        held = ", ".join(parts.pickled[:3])
        raise not_pinned(f"{path.name} holds pickled parts ({held})", TORCH_EXPORT)
    program = _read(path, pinned=pinned)
    interface = interface_of(program)
    most_rows = highest_batch(program)
    inputs, notes = _example_inputs(path, program, interface)
    if most_rows is not None:
        inputs = {name: tensor[:most_rows] for name, tensor in inputs.items()}
    if parts.pickled:
        notes.append(f"{path.name} holds pickled parts, which were loaded: its digest is pinned")
    module = ByName(program, most_rows)
    loaded = Loaded(module=module, inputs=inputs, notes=tuple(notes))
    return LoadedProgram(program=program, loaded=loaded, most_rows=most_rows)


def find(source: Path) -> Path:
    """The one ``.pt2`` file in the source.

    Raises:
        UserError: there is none, or several.
    """
    found = sorted(source.rglob("*.pt2"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(
            MODEL_INVALID, f"the source must hold exactly one .pt2 file; it has: {names}"
        )
    return found[0]


def _read(path: Path, *, pinned: bool) -> torch.export.ExportedProgram:
    try:
        with watching(strict=not pinned, kind=TORCH_EXPORT):
            return torch.export.load(path)
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise UserError(
            MODEL_INVALID,
            f"{path.name} cannot be loaded by torch {torch.__version__}:"
            f" {type(error).__name__}: {error}"[:500],
        ) from error


def input_names(program: torch.export.ExportedProgram) -> list[str]:
    """The names of the tensors that the program takes, in its order.

    Raises:
        UserError: it takes something else than tensors.
    """
    names = []
    for spec in program.graph_signature.input_specs:
        if spec.kind is not InputKind.USER_INPUT:
            continue
        if not isinstance(spec.arg, TensorArgument):
            raise UserError(
                MODEL_INVALID,
                f"input {spec.arg.name!r} of the program is {type(spec.arg).__name__}, only tensors"
                " can be served; export with that value fixed in the module",
            )
        names.append(spec.arg.name)
    return names


def interface_of(program: torch.export.ExportedProgram) -> ModelInterface:
    """Inputs and outputs in Triton's words; -1 where a size may vary.

    Raises:
        UserError: a type cannot be served, or the batch is fixed; how to export it.
    """
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    inputs = [_spec(name, values[name], "input") for name in input_names(program)]
    if not inputs:
        raise UserError(MODEL_INVALID, "the program takes no tensors")
    outputs = [spec.arg for spec in program.graph_signature.output_specs]
    return ModelInterface(
        inputs=tuple(inputs),
        outputs=tuple(
            _spec(getattr(arg, "name", "?"), values.get(getattr(arg, "name", "")), "output")
            for arg in outputs
        ),
    )


def _spec(name: str, value: Any, kind: str) -> TensorSpec:  # noqa: ANN401 - a fake tensor
    check_name(name)
    if not isinstance(value, torch.Tensor):
        raise UserError(MODEL_INVALID, f"{kind} {name!r} of the program is no tensor")
    sizes = [int(size) if isinstance(size, int) else -1 for size in value.shape]
    if not sizes or sizes[0] != -1:
        fixed = f"a fixed batch of {sizes[0]}" if sizes else "no batch dimension"
        raise UserError(
            MODEL_INVALID,
            f"{kind} {name!r} of the program has {fixed}; " + _how_to(name),
        )
    return TensorSpec(
        name=name,
        datatype=datatype(name, str(value.dtype).removeprefix("torch.")),
        dims=tuple(sizes[1:]),
    )


def highest_batch(program: torch.export.ExportedProgram) -> int | None:
    """The most rows that the program takes at once, None for any number.

    Raises:
        UserError: it does not take a single row.
    """
    most: int | None = None
    for name, low, high in _batch_ranges(program):
        # torch notes 2 as the least for batches that were left to it, and takes 1 all the same.
        if low > 2:  # noqa: PLR2004 - see above
            raise UserError(
                MODEL_INVALID,
                f"input {name!r} of the program takes {low} rows or more, a request may have one;"
                f" {_how_to(name)}",
            )
        most = high if most is None else min(most, high if high is not None else most)
    return most


def _batch_ranges(
    program: torch.export.ExportedProgram,
) -> Sequence[tuple[str, int, int | None]]:
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    ranges = []
    for name in input_names(program):
        size = values[name].shape[0]
        bounds = program.range_constraints.get(size.node.expr)
        if bounds is None:
            raise UserError(
                MODEL_INVALID,
                f"the batch of input {name!r} is {size.node.expr} in the program; it must be free:"
                f" {_how_to(name)}",
            )
        high = int(bounds.upper) if bounds.upper.is_Integer else None
        ranges.append((name, int(bounds.lower), high))
    return ranges


def _how_to(name: str) -> str:
    dim = f"torch.export.Dim('batch', min=1, max={_SOME_ROWS})"
    return f"export with dynamic_shapes={{{name!r}: {{0: {dim}}}, …}}"


def check_batch(most_rows: int | None, wanted: int) -> None:
    """Whether batches of ``wanted`` rows fit.

    Raises:
        UserError: they do not.
    """
    if most_rows is not None and most_rows < wanted:
        raise UserError(
            MODEL_INVALID,
            f"the program takes at most {most_rows} rows, spec.serving.maxBatchSize is {wanted};"
            f" lower it, or export with torch.export.Dim('batch', min=1, max={wanted})",
        )


def _example_inputs(
    path: Path, program: torch.export.ExportedProgram, interface: ModelInterface
) -> tuple[dict[str, torch.Tensor], list[str]]:
    given = any((path.parent / name).is_file() for name in (SAMPLES_FILE, samples.NPZ_FILE))
    if not given and program.example_inputs is not None:
        names = [spec.name for spec in interface.inputs]
        flat = pytree.tree_leaves(program.example_inputs)
        if len(flat) == len(names) and all(isinstance(value, torch.Tensor) for value in flat):
            tensors = dict(zip(names, flat, strict=True))
            note = "the example inputs are those that the program was exported with"
            return {n: t.detach().cpu().contiguous() for n, t in tensors.items()}, [note]
    arrays, notes = samples.sample_inputs(path, interface)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, notes
