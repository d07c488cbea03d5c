"""Weights of another training. Runs in the builder's environment."""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom

from .sources import Source, export


def other_epoch(source: Source, *, epochs: int, seed: int) -> onnx.ModelProto:
    """The digits model as its own training leaves it after ``epochs``, from another start."""
    path = list(sys.path)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    sys.path.insert(0, str(source.folder))
    try:
        import model  # type: ignore[import-not-found]  # noqa: PLC0415 - the example's
        import training  # type: ignore[import-not-found]  # noqa: PLC0415 - the example's

        module = model.DigitsNet()
        training.fit(module, _loss, epochs=epochs, seed=seed, end=math.inf)
    finally:
        sys.path[:] = path
        for name in ("model", "training"):
            sys.modules.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        weights, target = Path(folder) / "weights.pt", Path(folder) / "model.onnx"
        torch.save(module.state_dict(), weights)
        export(source.folder, target, weights=weights)
        return onnx.load(str(target))


def _loss(logits: torch.Tensor, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    del images
    return F.cross_entropy(logits, labels)
