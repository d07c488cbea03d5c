"""Training on the 900 training pictures: from the start (``train.py``) or after pruning.

``train`` is the training entrypoint of ``spec.optimization.pruning``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file
from torch import Tensor, nn

DATA = Path(__file__).with_name("training.safetensors")
BATCH = 64
LEARNING_RATE = 3e-3
#: After pruning: enough for the student to find what the teacher knows.
EPOCHS = 30
TEMPERATURE = 2.0
#: Share of the loss that comes from the labels, the rest from the teacher.
LABELS_SHARE = 0.3
FARTHEST_SHIFT = 2

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def train(
    student: nn.Module,
    teacher: nn.Module,
    *,
    distillation_loss: Callable[[Tensor, Tensor, float], Tensor],
    seconds: float,
    seed: int,
) -> None:
    """Teach a pruned ``student``, in place, what ``teacher`` answers; for ``seconds`` at most."""

    def loss(logits: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = teacher(images)
        taught = distillation_loss(logits, wanted, TEMPERATURE)
        return LABELS_SHARE * F.cross_entropy(logits, labels) + (1 - LABELS_SHARE) * taught

    fit(student, loss, epochs=EPOCHS, seed=seed, end=time.monotonic() + seconds)


def fit(module: nn.Module, loss: Loss, *, epochs: int, seed: int, end: float) -> None:
    """Train ``module`` in place until all ``epochs`` are done or the clock is at ``end``.

    ``loss(logits, images, labels)``; ``end``: in seconds of ``time.monotonic``.
    """
    data = load_file(DATA)
    images, labels = data["input/image"], data["label"]
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.01)
    steps = epochs * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    module.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=random).split(BATCH):
            seen = shifted(images[rows], random)
            optimizer.zero_grad()
            loss(module(seen), seen, labels[rows]).backward()
            optimizer.step()
            schedule.step()
        if time.monotonic() >= end:
            break
    module.eval()


def shifted(images: Tensor, random: torch.Generator) -> Tensor:
    """The pictures, all moved by up to two pixels the same random way, paper coming in."""
    down, right = torch.randint(0, 2 * FARTHEST_SHIFT + 1, (2,), generator=random).tolist()
    height, width = images.shape[2:]
    room = F.pad(images, (FARTHEST_SHIFT,) * 4)
    return room[:, :, down : down + height, right : right + width]
