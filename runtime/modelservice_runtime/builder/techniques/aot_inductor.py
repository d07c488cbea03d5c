"""A module compiled ahead of time by AOTInductor: ``model.pt2``, native code for this CPU.

The package takes the inputs by position and gives a tuple, both in the order of
``interface.json`` beside it, since it says nothing itself of names, types and shapes.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from modelservice_runtime.builder import (
    exporting,
    module_calls,
    torch_export_source,
    torch_modules,
)
from modelservice_runtime.builder.aoti_worker import INTERFACE_FILE, MOST_ROWS
from modelservice_runtime.builder.entrypoint import MAX_SAMPLE_ROWS
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.export_refusals import essential
from modelservice_runtime.builder.module_calls import Tensors
from modelservice_runtime.builder.tensors import datatype
from modelservice_runtime.builder.worker_loop import is_out_of_memory
from modelservice_runtime.contract.codec import dumps, encode
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from .base import CannotProduceError, Made, Work

NAME = "aot_inductor"
PACKAGE_FILE = "model.pt2"
#: ``freezing``: weights become constants, so batch norms fold; ``cpp.threads``: no OpenMP loops;
#: ``compile_threads``: no pool of processes beside this one.
OPTIONS = {"freezing": True, "cpp.threads": 1, "compile_threads": 1}


class ByPosition(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """The user's module with its inputs in order, and a tuple of its outputs in order."""

    def __init__(
        self, module: torch.nn.Module, inputs: tuple[str, ...], outputs: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.module = module
        self._inputs = inputs
        self._outputs = outputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The outputs in the order of their names."""
        returned = self.module(**dict(zip(self._inputs, tensors, strict=True)))
        return tuple(module_calls.named(returned, self._outputs).values())


class AotInductor:
    """``torch.export`` with a dynamic batch, then ``aoti_compile_and_package``."""

    name = NAME

    def produce(self, work: Work) -> Made:
        """Compile the source's module.

        Raises:
            CannotProduceError: no compiler, no torch module, or a graph that cannot be compiled.
            MemoryError: an allocation failed.
        """
        compiler = find_compiler(os.environ)
        source = torch_modules.load(work.source)
        inputs, outputs = source.loaded.inputs, source.output_names
        most = most_rows(source.most_rows, work.max_batch_size)
        program = trace(source.loaded.module, inputs, outputs, source.loaded.dynamic_axes, most)
        _compile(program, work.target / PACKAGE_FILE)
        interface = interface_of(program, tuple(inputs), outputs)
        document = {**encode(interface), MOST_ROWS: most}
        (work.target / INTERFACE_FILE).write_text(dumps(document) + "\n")
        note = (
            f"native code for {instruction_set()} CPUs of {platform.machine()} with one thread;"
            " it runs on CPUs with these instructions only"
        )
        return Made(
            model_file=PACKAGE_FILE,
            notes=(note,),
            versions={"torch": str(torch.__version__), "compiler": Path(compiler).name},
        )


def find_compiler(environment: Mapping[str, str]) -> str:
    """The C++ compiler that inductor will call: ``CXX``, or ``g++``.

    Raises:
        CannotProduceError: there is none.
    """
    command = environment.get("CXX") or "g++"
    found = shutil.which(command, path=environment.get("PATH"))
    if found is None:
        raise CannotProduceError(
            f"AOTInductor needs a C++ compiler, and the builder has no {command!r}; use a builder"
            " image with one, or take AOTInductor out of spec.optimization.techniques"
        )
    return found


def instruction_set() -> str:
    """The vector instructions that inductor compiles for on this machine."""
    from torch._inductor.cpu_vec_isa import pick_vec_isa  # noqa: PLC0415 - takes seconds

    return str(pick_vec_isa())


def most_rows(of_source: int | None, max_batch_size: int) -> int:
    """How many rows the package takes at once. ``of_source``: how many the source does.

    Samples and evaluation rows come in larger batches than may be served.

    Raises:
        CannotProduceError: a batch as it may be served is too large for the source.
    """
    try:
        torch_export_source.check_batch(of_source, max_batch_size)
    except UserError as error:
        raise CannotProduceError(error.message) from error
    wanted = max(max_batch_size, MAX_SAMPLE_ROWS)
    return wanted if of_source is None else min(wanted, of_source)


def trace(
    module: torch.nn.Module,
    inputs: Tensors,
    outputs: tuple[str, ...],
    dynamic_axes: Mapping[str, Mapping[int, str]],
    most: int,
) -> torch.export.ExportedProgram:
    """The program that is compiled: inputs and outputs by position, up to ``most`` rows.

    Raises:
        CannotProduceError: torch.export refuses; the place in the user's code.
    """
    shapes = exporting.dynamic_shapes(inputs, dynamic_axes, most)
    rows = module_calls.few_rows(inputs, exporting.EXPORT_ROWS)
    try:
        return exporting.trace(
            ByPosition(module, tuple(inputs), outputs),
            tuple(rows.values()),
            {},
            {"tensors": tuple(shapes[name] for name in rows)},
        )
    except UserError as error:
        raise CannotProduceError(error.message) from error


def _compile(program: torch.export.ExportedProgram, target: Path) -> None:
    try:
        with torch.no_grad():  # freezing needs it
            torch._inductor.aoti_compile_and_package(  # noqa: SLF001 - its documented home
                program, package_path=str(target), inductor_configs=OPTIONS
            )
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise CannotProduceError(f"AOTInductor cannot compile it: {essential(error)}") from error


def interface_of(
    program: torch.export.ExportedProgram, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> ModelInterface:
    """The program's tensors under these names; -1 where a size may vary."""
    signature = program.graph_signature
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    return ModelInterface(
        inputs=_specs(inputs, [values[name] for name in signature.user_inputs]),
        outputs=_specs(outputs, [values[name] for name in signature.user_outputs]),
    )


def _specs(names: tuple[str, ...], values: list[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name=name,
            datatype=datatype(name, str(value.dtype).removeprefix("torch.")),
            dims=tuple(int(size) if isinstance(size, int) else -1 for size in value.shape[1:]),
        )
        for name, value in zip(names, values, strict=True)
    )


TECHNIQUE = AotInductor()
