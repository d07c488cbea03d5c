"""EfficientNet-Lite0, an image classifier, in plain PyTorch.

``load()`` is the entrypoint: it reads ``efficientnet-lite0.pth`` (the published weights) and
the pictures in ``pictures/`` (binary PPM, 224 x 224) from this folder.
Input: ``image``, float32 [n, 3, 224, 224], see ``normalised``. Output: ``logits``, float32
[n, 1000], one for each ImageNet class (``classes.txt``).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from torch import Tensor, nn

FOLDER = Path(__file__).parent
SIZE, CLASSES, STEM, HEAD = 224, 1000, 32, 1280
#: (blocks, kernel, stride, expansion, channels) of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def normalised(pixels: Tensor) -> Tensor:
    """Bytes 0 … 255 → what the weights were trained with, about -1 … 1."""
    return (pixels.to(torch.float32) - 127.0) / 128.0


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation as TensorFlow has it."""
    return nn.BatchNorm2d(channels, eps=1e-3)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: with stride 2, more at the right and below."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(width, out, kernel, stride, groups=groups, bias=False)
        total = kernel - stride
        self._around = (total // 2, total - total // 2) * 2

    def forward(self, hidden: Tensor) -> Tensor:
        """Even sizes are halved with stride 2, kept with stride 1."""
        return super().forward(F.pad(hidden, self._around))


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; no squeeze-and-excitation."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width * expansion
        self._residual = stride == 1 and width == out
        self._expand_conv = nn.Conv2d(width, inner, 1, bias=False) if expansion > 1 else None
        self._bn0 = norm(inner) if expansion > 1 else None
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner)
        self._bn1 = norm(inner)
        self._project_conv = nn.Conv2d(inner, out, 1, bias=False)
        self._bn2 = norm(out)

    def forward(self, given: Tensor) -> Tensor:
        """[n, width, h, w] → [n, out, h / stride, w / stride]."""
        hidden = given
        if self._expand_conv is not None and self._bn0 is not None:
            hidden = F.relu6(self._bn0(self._expand_conv(hidden)))
        hidden = F.relu6(self._bn1(self._depthwise_conv(hidden)))
        hidden = self._bn2(self._project_conv(hidden))
        return hidden + given if self._residual else hidden


class EfficientNetLite0(nn.Module):
    """Part names are those in the weights."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, STEM, 3, 2)
        self._bn0 = norm(STEM)
        self._blocks = nn.ModuleList()
        width = STEM
        for blocks, kernel, stride, expansion, out in STAGES:
            for i in range(blocks):
                self._blocks.append(Block(width, out, kernel, stride if i == 0 else 1, expansion))
                width = out
        self._conv_head = nn.Conv2d(width, HEAD, 1, bias=False)
        self._bn1 = norm(HEAD)
        self._fc = nn.Linear(HEAD, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """float32 [n, 3, 224, 224] → float32 [n, 1000]."""
        hidden = F.relu6(self._bn0(self._conv_stem(image)))
        for block in self._blocks:
            hidden = block(hidden)
        hidden = F.relu6(self._bn1(self._conv_head(hidden)))
        return self._fc(hidden.mean((2, 3)))


def read_ppm(path: Path) -> Tensor:
    """The pixels of a binary PPM file of 224 x 224, uint8 [3, 224, 224]."""
    header, pixels = f"P6\n{SIZE} {SIZE}\n255\n".encode(), path.read_bytes()
    if not pixels.startswith(header):
        raise ValueError(f"{path.name} is not a binary PPM of {SIZE} x {SIZE}")
    data = torch.frombuffer(bytearray(pixels[len(header) :]), dtype=torch.uint8)
    return data.reshape(SIZE, SIZE, 3).permute(2, 0, 1)


def load() -> tuple[nn.Module, dict[str, Tensor], dict[str, list[str]]]:
    """The entrypoint: the module, its example inputs (four pictures), the output's name."""
    module = EfficientNetLite0()
    weights = torch.load(FOLDER / "efficientnet-lite0.pth", weights_only=True)
    module.load_state_dict(weights)
    pictures = [normalised(read_ppm(path)) for path in sorted(FOLDER.glob("pictures/*.ppm"))]
    return module.eval(), {"image": torch.stack(pictures)}, {"output_names": ["logits"]}
