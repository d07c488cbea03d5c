"""A program: what AOTInductor makes of ``linear``, as the builder's artifact holds it.

    python compile_aoti.py FOLDER → FOLDER/model.pt2

In a process of its own: torch is large, and says things that pytest would take for errors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch._inductor
from models import WIDTH, linear_weights


class Linear(torch.nn.Module):
    """y = x · w + b, computed row by row."""

    def __init__(self) -> None:
        super().__init__()
        for name, array in linear_weights().items():
            self.register_buffer(name, torch.from_numpy(array))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """The one output as a tuple, as exported programs have it."""
        return (x @ self.w + self.b,)


def compile_into(folder: Path) -> None:
    """Write the package."""
    batch = torch.export.Dim("batch", min=1, max=64)
    example = torch.zeros(2, WIDTH)
    program = torch.export.export(Linear(), (example,), dynamic_shapes=({0: batch},))
    torch._inductor.aoti_compile_and_package(program, package_path=str(folder / "model.pt2"))


if __name__ == "__main__":
    compile_into(Path(sys.argv[1]))
