"""Which layers keep their outputs whole: those of the answer, shared and unprunable ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch_pruning

from modelservice_runtime.builder import module_calls
from modelservice_runtime.builder.module_calls import Tensors

#: Torch-Pruning takes heads for channels in attention, and cannot prune recurrent layers.
LEFT_WHOLE: Mapping[type[torch.nn.Module], str] = {
    torch.nn.MultiheadAttention: "the heads of attention",
    torch.nn.RNNBase: "a recurrent layer",
}


def endless(module: torch.nn.Module) -> list[str]:
    """The layers that Torch-Pruning would follow for ever: ``memory (GRU)``."""
    return [
        f"{name} ({type(part).__name__})"
        for name, part in module.named_modules()
        if isinstance(part, torch.nn.GRU | torch.nn.RNN)
    ]


def whole_by_kind(module: torch.nn.Module) -> dict[str, str]:
    """Layers that must not be pruned whatever the graph says: name → why."""
    found = {
        name: why
        for name, part in module.named_modules()
        for kind, why in LEFT_WHOLE.items()
        if isinstance(part, kind)
    }
    return {**found, **dict.fromkeys(_sharing(module), "it shares its weights with another layer")}


def _sharing(module: torch.nn.Module) -> Iterator[str]:
    """The layers that own a parameter together with another layer."""
    owners: dict[int, set[str]] = defaultdict(set)
    for name, parameter in module.named_parameters(remove_duplicate=False):
        owners[id(parameter)].add(name.rpartition(".")[0])
    for names in owners.values():
        if len(names) > 1:
            # The module itself is not left whole for a weight that it keeps beside its layers.
            yield from names - {""}


class OutputCapture:
    """Notes which nodes of the graph are the module's outputs while Torch-Pruning traces it."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []

    def __call__(self, returned: object) -> list[torch.Tensor]:
        """The outputs that depend on parameters (Torch-Pruning follows gradients)."""
        tensors = list(module_calls.named(returned, ()).values())
        graded = [tensor for tensor in tensors if tensor.grad_fn is not None]
        self.nodes = [tensor.grad_fn for tensor in graded]
        return graded


def whole_by_output(graph: Any, outputs: list[Any]) -> set[torch.nn.Module]:  # noqa: ANN401 - untyped
    """The layers whose pruning would change the shape of the module's outputs."""
    answers = {id(node) for node in graph.module2node.values() if node.grad_fn in outputs}
    found: set[torch.nn.Module] = set()
    for layer in list(graph.module2node):
        channels = _channels(graph, layer)
        if not channels:
            continue
        prune = graph.get_pruner_of_module(layer).prune_out_channels
        group = graph.get_pruning_group(layer, prune, list(range(channels)))
        changed = [dep for dep, _ in group if graph.is_out_channel_pruning_fn(dep.handler)]
        if any(id(dep.target) in answers for dep in changed):
            found.add(layer)
    return found


def _channels(graph: Any, layer: torch.nn.Module) -> int:  # noqa: ANN401 - untyped
    if not isinstance(layer, torch_pruning.ops.TORCH_CONV | torch_pruning.ops.TORCH_LINEAR):
        return 0
    return int(graph.get_pruner_of_module(layer).get_out_channels(layer) or 0)


def trace(module: torch.nn.Module, inputs: Tensors, capture: OutputCapture) -> Any:  # noqa: ANN401 - untyped
    """Torch-Pruning's dependency graph of ``module``."""
    return torch_pruning.DependencyGraph().build_dependency(
        module, example_inputs=inputs, output_transform=capture, verbose=False
    )
