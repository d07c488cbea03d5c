"""Worker process of a ``torch.export`` program: load, run, export, time.

Commands (arguments → result) are the methods of ``ProgramEngine``; tensors travel as
safetensors files. One thread, so that times compare with the artifact's.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import exporting, torch_export_source
from .module_engine import ModuleEngine, serve_engine, versions
from .pickles import is_pinned
from .torch_export_source import LoadedProgram
from .worker_loop import Reply


class ProgramEngine(ModuleEngine):
    """The program and what it is asked for."""

    def __init__(self, *, pinned: bool) -> None:
        super().__init__(pinned=pinned)
        self._program: LoadedProgram | None = None

    def load(self, source: str, samples_file: str) -> Reply:
        """Load the program, check what it gives, write the example inputs to ``samples_file``."""
        self._program = torch_export_source.load(Path(source), pinned=self.pinned)
        return self.keep(self._program.loaded, Path(samples_file))

    def export(self, target: str, max_batch_size: int) -> Reply:
        """Write the ONNX file."""
        if self._program is None:
            raise RuntimeError("load comes first")
        torch_export_source.check_batch(self._program.most_rows, max_batch_size)
        program = self._program.program
        names = torch_export_source.input_names(program)
        exporting.write(program, names, list(self.output_names), Path(target))
        return {"techniques": list(exporting.TECHNIQUES), "versions": versions()}


if __name__ == "__main__":
    serve_engine(ProgramEngine(pinned=is_pinned(os.environ)))
