"""Worker process of a PyTorch source: load, run, export, time. Holds the eager module.

Commands (arguments → result) are the methods of ``TorchEngine``; tensors travel as
safetensors files. One thread, so that times compare with the artifact's.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import entrypoint, exporting
from .module_engine import ModuleEngine, serve_engine, versions
from .pickles import is_pinned
from .worker_loop import Reply


class TorchEngine(ModuleEngine):
    """The eager module and what it is asked for."""

    def load(self, source: str, name: str, module_path: list[str], samples: str) -> Reply:
        """Run the entrypoint, check what it gives, write the example inputs to ``samples``."""
        loaded = entrypoint.load(Path(source), name, module_path, pinned=self.pinned)
        return self.keep(loaded, Path(samples))

    def export(self, target: str, max_batch_size: int) -> Reply:
        """Write the ONNX file."""
        exporting.export(
            self.loaded.module,
            self.loaded.inputs,
            self.output_names,
            dynamic_axes=self.loaded.dynamic_axes,
            max_batch_size=max_batch_size,
            target=Path(target),
        )
        return {"techniques": list(exporting.TECHNIQUES), "versions": versions()}


if __name__ == "__main__":
    serve_engine(TorchEngine(pinned=is_pinned(os.environ)))
