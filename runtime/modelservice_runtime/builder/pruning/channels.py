"""Channels out of a copy of the module: Torch-Pruning's dependency graph, by magnitude.

All layers lose the same share of their channels. A layer that the module's code cannot do
without (a ``view`` with a fixed size, heads of attention written by hand) is found by trying,
and left whole.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
import torch_pruning

from modelservice_runtime.builder import module_calls
from modelservice_runtime.builder.module_calls import Tensors
from modelservice_runtime.builder.places import place_with_code
from modelservice_runtime.builder.techniques.base import CannotProduceError
from modelservice_runtime.builder.worker_loop import is_out_of_memory

from . import layers

_TRIED_ROWS = 2
_TRIED_RATIO = 0.5
_MOST_TRIES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """A module and what stays whole in it. ``whole``: name → why; ``inputs``: a few rows.

    ``expected``: the shape of each output for those rows.
    """

    module: torch.nn.Module
    inputs: Tensors
    expected: Mapping[str, list[int]]
    whole: Mapping[str, str] = field(default_factory=dict)

    def notes(self) -> tuple[str, ...]:
        """What stays whole and why; twins in other blocks are one line."""
        return tuple(
            sorted({f"left whole: {_pattern(name)} ({why})" for name, why in self.whole.items()})
        )


class _BreaksError(Exception):
    """Pruning this layer breaks the module. ``layer``: its name."""

    def __init__(self, layer: str, why: str) -> None:
        super().__init__(why)
        self.layer = layer
        self.why = why


def prepare(module: torch.nn.Module, inputs: Tensors) -> Prunable:
    """Find out what of ``module`` can be pruned.

    Raises:
        CannotProduceError: nothing, or the graph cannot be read; where.
        MemoryError: an allocation failed.
    """
    unread = ", ".join(layers.endless(module))
    if unread:
        raise CannotProduceError(f"Torch-Pruning cannot read these layers: {unread}")
    rows = module_calls.few_rows(inputs, _TRIED_ROWS)
    expected = {n: list(t.shape) for n, t in module_calls.call(module, rows, ()).items()}
    prunable = Prunable(module=module, inputs=rows, expected=expected)
    prunable = replace(prunable, whole={**_answering(prunable), **layers.whole_by_kind(module)})
    for _ in range(_MOST_TRIES):
        try:
            _pruned(prunable, _TRIED_RATIO, 1, checked=True)
        except _BreaksError as error:
            prunable = replace(prunable, whole={**prunable.whole, **_alike(module, error)})
        else:
            return prunable
    raise CannotProduceError(
        f"its layers cannot be pruned one without the other; the last one that was tried:"
        f" {'; '.join(prunable.notes()[-1:])}"
    )


def pruned(
    prunable: Prunable, channel_ratio: float, round_to: int, *, checked: bool = True
) -> torch.nn.Module:
    """A copy with the share ``channel_ratio`` of its channels gone, in eval mode.

    ``round_to``: what is left of each layer is a multiple of it, where there is so much.
    ``checked``: it is run after each layer; without, only its parameters can be trusted.

    Raises:
        CannotProduceError: the module cannot be copied, or breaks.
        MemoryError: an allocation failed.
    """
    try:
        return _pruned(prunable, channel_ratio, round_to, checked=checked)
    except _BreaksError as error:
        raise CannotProduceError(
            f"without {channel_ratio:.0%} of the channels of {error.layer} it breaks: {error.why}"
        ) from error


def _pruned(
    prunable: Prunable, channel_ratio: float, round_to: int, *, checked: bool
) -> torch.nn.Module:
    student = _copy(prunable.module)
    names = {id(part): name for name, part in student.named_modules()}
    with _graph_errors():
        pruner = torch_pruning.pruner.BasePruner(
            student,
            prunable.inputs,
            importance=torch_pruning.importance.GroupMagnitudeImportance(),
            pruning_ratio=channel_ratio,
            round_to=round_to,
            ignored_layers=[p for n, p in student.named_modules() if n in prunable.whole],
            output_transform=layers.OutputCapture(),
            # The defaults are dictionaries that all pruners of a process would share.
            in_channel_groups={},
            out_channel_groups={},
            num_heads={},
        )
    for group in pruner.step(interactive=True):
        layer = names[id(group[0].dep.target.module)]
        try:
            group.prune()
            if checked:
                _check_shapes(student, prunable)
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise _BreaksError(layer, _why(error)) from error
    return student.eval()


def parameters(module: torch.nn.Module) -> int:
    """How many numbers the module has learned; shared ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())


def _copy(module: torch.nn.Module) -> torch.nn.Module:
    try:
        student = copy.deepcopy(module)
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise CannotProduceError(f"the module cannot be copied: {error}") from error
    for parameter in student.parameters():
        # Torch-Pruning follows gradients; integers have none.
        parameter.requires_grad_(parameter.is_floating_point())
    return student


def _answering(prunable: Prunable) -> dict[str, str]:
    """The layers whose outputs are the module's answer."""
    copied = _copy(prunable.module)
    names = {part: name for name, part in copied.named_modules()}
    capture = layers.OutputCapture()
    with _graph_errors():
        graph = layers.trace(copied, prunable.inputs, capture)
        if not capture.nodes:
            raise CannotProduceError("none of its outputs depends on its parameters by a gradient")
        answering = layers.whole_by_output(graph, capture.nodes)
        return {names[layer]: "the answer's shape depends on it" for layer in answering}


@contextmanager
def _graph_errors() -> Iterator[None]:
    """What Torch-Pruning cannot read, as one sentence."""
    try:
        with warnings.catch_warnings():
            # It tells of its defaults for parameters outside of layers; trying shows if they fit.
            warnings.simplefilter("ignore", UserWarning)
            yield
    except CannotProduceError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise CannotProduceError(f"Torch-Pruning cannot read the module: {_why(error)}") from error


def _check_shapes(student: torch.nn.Module, prunable: Prunable) -> None:
    found = module_calls.call(student, prunable.inputs, ())
    shapes = {name: list(tensor.shape) for name, tensor in found.items()}
    if shapes != prunable.expected:
        raise ValueError(f"the outputs would be {shapes}, not {dict(prunable.expected)}")


def _alike(module: torch.nn.Module, error: _BreaksError) -> dict[str, str]:
    """The layer that breaks and its twins in other blocks, which would break alike."""
    pattern = _pattern(error.layer)
    return {n: error.why for n, _ in module.named_modules() if _pattern(n) == pattern}


def _pattern(name: str) -> str:
    """``blocks.3.conv1`` → ``blocks.*.conv1``: the same for the layer's twins in other blocks."""
    *blocks, layer = name.split(".")
    return ".".join(["*" if part.isdecimal() else part for part in blocks] + [layer])


def _why(error: Exception) -> str:
    where = place_with_code(error)
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first}" + (f" at {where}" if where else "")
