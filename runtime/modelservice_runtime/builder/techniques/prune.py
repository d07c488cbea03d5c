"""Structured pruning: channels leave the user's module, the dense one teaches what is left.

Parameter ``ratio``: R = (P - P') / P, the share of the parameters to remove.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from modelservice_runtime.builder import exporting, module_calls, torch_modules
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.module_calls import Tensors
from modelservice_runtime.builder.pruning import channels, training
from modelservice_runtime.builder.pruning.channels import Prunable
from modelservice_runtime.builder.pruning.ratio_search import Found, search
from modelservice_runtime.builder.torch_modules import SourceModule
from modelservice_runtime.contract.requests import PYTORCH
from modelservice_runtime.contract.store_layout import MODEL_FILE

from .base import CannotProduceError, Made, Work
from .parameters import parameter
from .versions import versions_of

NAME = "prune"
#: How far the removed share should be from the one that was asked for, and may be with a note.
TOLERANCE = 0.05
FARTHEST = 0.1
#: Kernels are fast at multiples of eight; narrow layers need finer steps.
ROUNDINGS = (8, 4, 2, 1)
#: Less training than this is none.
_LEAST_SECONDS = 1.0
_ODD_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """``round_to``: what is left of each layer is a multiple of it."""

    found: Found
    round_to: int
    wanted: float

    @property
    def distance(self) -> float:
        """From the share that was asked for."""
        return abs(self.found.removed - self.wanted)

    def notes(self) -> tuple[str, ...]:
        """What to tell about it."""
        rounding = f"what is left of each layer is a multiple of {self.round_to}"
        if self.distance <= TOLERANCE:
            return (rounding,)
        shares = f"{self.found.removed:.0%} of the parameters went, not {self.wanted:.0%}"
        return (rounding, f"{shares}: no rounding of its channels comes nearer")


class Prune:
    """Torch-Pruning, then the user's training entrypoint with the dense module as teacher."""

    name = NAME

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def produce(self, work: Work) -> Made:
        """Prune, train and export the source's module.

        Raises:
            CannotProduceError: the share cannot be reached, or training or export fails.
            MemoryError: an allocation failed.
        """
        began = self._clock()
        wanted = _wanted(work)
        source = _load(work)
        prunable = channels.prepare(source.loaded.module, source.loaded.inputs)
        chosen = choose(prunable, wanted)
        student = channels.pruned(prunable, chosen.found.channel_ratio, chosen.round_to)
        planned = channels.parameters(student)
        seconds = work.seconds - (self._clock() - began)
        if seconds < _LEAST_SECONDS:
            raise CannotProduceError(
                f"pruning took all of the {work.seconds:.0f} s that it had, nothing is left to"
                " train; raise spec.optimization.maxDurationSeconds"
            )
        training_began = self._clock()
        student, notes = training.train(
            work.training_entrypoint,
            student,
            source.loaded.module,
            seconds=seconds,
            seed=work.training_seed,
        )
        trained_seconds = self._clock() - training_began
        _check(student, source, planned, work.max_batch_size)
        _export(student, source, work)
        return Made(
            model_file=MODEL_FILE,
            notes=(*chosen.notes(), *prunable.notes(), *notes),
            versions=versions_of("torch", "torch-pruning"),
            figures={
                "parameters_before": channels.parameters(source.loaded.module),
                "parameters": channels.parameters(student),
                "macs_before": macs(source.loaded.module, source.loaded.inputs),
                "macs": macs(student, source.loaded.inputs),
                "channel_ratio": round(chosen.found.channel_ratio, 4),
                "training_seconds": round(trained_seconds, 2),
            },
        )


def _wanted(work: Work) -> float:
    wanted = parameter(work, "ratio", 0.0)
    if not 0 < wanted < 1:
        raise CannotProduceError(f"the pruning ratio must be between 0 and 1: {wanted}")
    if not work.training_entrypoint:
        raise CannotProduceError(
            "a pruned model must learn again: give"
            " spec.optimization.pruning.trainingEntrypoint as module:function"
        )
    return wanted


def _load(work: Work) -> SourceModule:
    if work.source.request.kind != PYTORCH:
        raise CannotProduceError(
            "pruning needs the module itself, a pytorch source with an entrypoint; the source is"
            f" {work.source.request.kind}, a finished graph"
        )
    return torch_modules.load(work.source)


def choose(prunable: Prunable, wanted: float) -> Chosen:
    """The channel ratio that removes the share ``wanted``, with the coarsest rounding that can.

    Raises:
        CannotProduceError: no rounding comes near it; how near.
    """
    before = channels.parameters(prunable.module)
    tried: list[Chosen] = []
    for round_to in ROUNDINGS:

        def removed(channel_ratio: float, round_to: int = round_to) -> float:
            student = channels.pruned(prunable, channel_ratio, round_to, checked=False)
            return 1 - channels.parameters(student) / before

        found = search(removed, wanted, TOLERANCE)
        tried.append(Chosen(found=found, round_to=round_to, wanted=wanted))
        if tried[-1].distance <= TOLERANCE:
            return tried[-1]
    nearest = min(tried, key=lambda one: one.distance)
    if nearest.distance <= FARTHEST:
        return nearest
    raise CannotProduceError(
        f"{wanted:.0%} of the parameters were to go, {nearest.found.removed:.0%} is as near as it"
        f" gets; {'; '.join(prunable.notes())}"
    )


def _check(
    student: torch.nn.Module, source: SourceModule, planned: int, max_batch_size: int
) -> None:
    """What any artifact must hold, before the export costs time.

    Raises:
        CannotProduceError: parameters came back, or the outputs are not those of the dense module.
    """
    found = channels.parameters(student)
    if found > planned:
        raise CannotProduceError(
            f"the training entrypoint returned a module of {found} parameters, the pruned one has"
            f" {planned}"
        )
    for rows in sorted({1, _ODD_ROWS, max_batch_size}):
        inputs = module_calls.few_rows(source.loaded.inputs, rows)
        expected = _outputs(source.loaded.module, inputs, source.output_names, rows)
        outputs = _outputs(student, inputs, source.output_names, rows)
        for name, tensor in outputs.items():
            if tensor.shape != expected[name].shape:
                shapes = f"{list(tensor.shape)}, not {list(expected[name].shape)}"
                raise CannotProduceError(f"pruned, output {name!r} has shape {shapes}")
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise CannotProduceError(
                    f"after the training, output {name!r} has NaN or Inf; did it diverge?"
                )


def _outputs(
    module: torch.nn.Module, inputs: Tensors, names: tuple[str, ...], rows: int
) -> Tensors:
    try:
        return module_calls.call(module, inputs, names)
    except Exception as error:
        raise CannotProduceError(f"pruned, it fails on a batch of {rows}: {error}") from error


def _export(student: torch.nn.Module, source: SourceModule, work: Work) -> None:
    try:
        exporting.export(
            student,
            source.loaded.inputs,
            source.output_names,
            dynamic_axes=source.loaded.dynamic_axes,
            max_batch_size=work.max_batch_size,
            target=work.target / MODEL_FILE,
        )
    except UserError as error:
        raise CannotProduceError(error.message) from error


def macs(module: torch.nn.Module, inputs: Tensors) -> float:
    """Multiply-accumulates of one row, as torch counts them in matrix products and convolutions."""
    fused = torch.backends.mha.get_fastpath_enabled()
    # A whole layer of a transformer as one operator would count as nothing.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(**module_calls.few_rows(inputs, 1))
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return float(counter.get_total_flops()) / 2


TECHNIQUE = Prune()
