"""Worker process of a stock recipe that stays in PyTorch: torch.compile, torchao.

Commands: those of the builder's source worker, and ``transform``. Runs in its environment.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import torch

from modelservice_runtime.builder.errors import MODEL_INVALID, UserError
from modelservice_runtime.builder.pickles import is_pinned
from modelservice_runtime.builder.torch_worker import TorchEngine
from modelservice_runtime.builder.worker_loop import Handler, Reply, serve

from .peers import COMPILE, TORCHAO


class TorchPeer(TorchEngine):
    """The eager module, replaced by what a stock recipe makes of it."""

    def transform(self, recipe: str) -> Reply:
        """Apply ``recipe``: ``COMPILE`` or ``TORCHAO``.

        Raises:
            UserError: it does nothing to this model.
        """
        if recipe not in {COMPILE, TORCHAO}:
            raise ValueError(f"no recipe {recipe!r}")
        module = self.loaded.module
        if recipe == TORCHAO:
            _quantize(module)
        # Weights as constants, as PyTorch's guide for CPUs advises; a graph for each batch size.
        torch._inductor.config.freezing = True  # noqa: SLF001 - its documented home
        torch._dynamo.config.fail_on_recompile_limit_hit = True  # noqa: SLF001 - not eager unseen
        self._loaded = replace(self.loaded, module=torch.compile(module, dynamic=False))
        return {}


def _quantize(module: torch.nn.Module) -> None:
    from torchao.quantization import (  # noqa: PLC0415 - only in this recipe's process
        Int8DynamicActivationInt8WeightConfig,
        quantize_,
    )

    linear = [part for part in module.modules() if isinstance(part, torch.nn.Linear)]
    if not linear:
        raise UserError(MODEL_INVALID, "torchao quantizes linear layers, and it has none")
    quantize_(module, Int8DynamicActivationInt8WeightConfig())


def main() -> None:
    """Serve one parent until it closes the pipe."""
    torch.set_num_threads(1)
    engine = TorchPeer(pinned=is_pinned(os.environ))
    handlers: dict[str, Handler] = {
        "load": engine.load,
        "transform": engine.transform,
        "run": engine.run,
        "time": engine.time,
    }
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
