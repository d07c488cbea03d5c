"""A small residual network that reads handwritten digits, in plain PyTorch.

``load()`` is the entrypoint: it reads ``weights.safetensors`` (made by ``train.py``, stored in
float16, computed with in float32) and ``training.safetensors`` from this folder.
Input: ``image``, float32 [n, 1, 16, 16], 0 (paper) to 1 (ink). Output: ``logits``, float32
[n, 10], one for each digit.
"""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(__file__).parent
NARROW, WIDE, DIGITS = 48, 64, 10
EXAMPLES = 64


class Block(nn.Module):
    """Two convolutions around which the input is passed on; ``stride`` 2 halves the picture."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, out, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        self.around = nn.Conv2d(width, out, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, given: Tensor) -> Tensor:
        """[n, width, h, w] → [n, out, h / stride, w / stride]."""
        hidden = F.relu(self.first_norm(self.first(given)))
        return F.relu(self.second_norm(self.second(hidden)) + self.around(given))


class DigitsNet(nn.Module):
    """111 thousand parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, NARROW, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(NARROW)
        self.near = Block(NARROW, NARROW, 1)
        self.far = Block(NARROW, WIDE, 2)
        self.head = nn.Linear(WIDE, DIGITS)

    def forward(self, image: Tensor) -> Tensor:
        """float32 [n, 1, 16, 16] → float32 [n, 10]."""
        hidden = F.relu(self.stem_norm(self.stem(image)))
        hidden = self.far(self.near(hidden))
        return self.head(hidden.mean((2, 3)))


def load() -> tuple[nn.Module, dict[str, Tensor], dict[str, list[str]]]:
    """The entrypoint: the module, its example inputs (64 training pictures), the output's name."""
    module = DigitsNet()
    weights = load_file(FOLDER / "weights.safetensors")
    module.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    )
    pictures = load_file(FOLDER / "training.safetensors")["input/image"]
    return module.eval(), {"image": pictures[:EXAMPLES]}, {"output_names": ["logits"]}
