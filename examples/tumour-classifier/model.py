"""A classifier of breast tumours, malignant or benign, in plain PyTorch.

``load()`` is the entrypoint: it reads ``weights.safetensors`` (made by ``train.py``) and
``samples.safetensors`` from this folder. An example of a model on a table, not a medical device.
Input: ``measures``, float32 [n, 30]: radius, texture, perimeter … of the cell nuclei, in the units
of the data (mean, standard error and worst of ten). Output: ``logits``, float32 [n, 2]:
malignant, benign.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(__file__).parent
MEASURES, WIDE, NARROW, CLASSES = 30, 64, 32, 2


class TumourClassifier(nn.Module):
    """Four thousand parameters; ``mean`` and ``spread`` of the training rows are part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(MEASURES))
        self.register_buffer("spread", torch.ones(MEASURES))
        self.layers = nn.Sequential(
            nn.Linear(MEASURES, WIDE),
            nn.ReLU(),
            nn.Linear(WIDE, NARROW),
            nn.ReLU(),
            nn.Linear(NARROW, CLASSES),
        )

    def forward(self, measures: Tensor) -> Tensor:
        """float32 [n, 30] → float32 [n, 2]."""
        return self.layers((measures - self.mean) / self.spread)


def load() -> tuple[nn.Module, dict[str, Tensor], dict[str, list[str]]]:
    """The entrypoint: the module, its example inputs (32 training rows), the output's name."""
    module = TumourClassifier()
    module.load_state_dict(load_file(FOLDER / "weights.safetensors"))
    rows = load_file(FOLDER / "samples.safetensors")["input/measures"]
    return module.eval(), {"measures": rows}, {"output_names": ["logits"]}
