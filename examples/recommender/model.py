"""A two-tower recommender in plain PyTorch: what a reader liked, and how they would like a book.

``load()`` is the entrypoint: it reads ``weights.safetensors`` (made by ``train.py``) and
``samples.safetensors`` from this folder.
Inputs: ``history``, int64 [n, 10], books that the reader liked, best first; ``book``, int64 [n, 1];
books have numbers from 0 to 299. Output: ``rating``, float32 [n, 1], from 1 (not at all) to 5.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(__file__).parent
BOOKS, WIDTH, HIDDEN = 300, 32, 64
MIDDLE = 3.0


class Tower(nn.Module):
    """From an embedding to a place in the space that readers and books share."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = nn.Linear(WIDTH, HIDDEN)
        self.narrow = nn.Linear(HIDDEN, WIDTH)

    def forward(self, given: Tensor) -> Tensor:
        """[n, 32] → [n, 32]."""
        return given + self.narrow(torch.relu(self.widen(given)))


class Recommender(nn.Module):
    """Readers are the mean of what they liked, so that a new one needs no training."""

    def __init__(self) -> None:
        super().__init__()
        self.books = nn.Embedding(BOOKS, WIDTH)
        self.reader_tower = Tower()
        self.book_tower = Tower()
        self.popularity = nn.Embedding(BOOKS, 1)

    def forward(self, history: Tensor, book: Tensor) -> Tensor:
        """int64 [n, 10] and [n, 1] → float32 [n, 1]."""
        reader = self.reader_tower(self.books(history).mean(1))
        offered = self.book_tower(self.books(book[:, 0]))
        liking = (reader * offered).sum(1, keepdim=True)
        return MIDDLE + liking + self.popularity(book[:, 0])


def load() -> tuple[nn.Module, dict[str, Tensor], dict[str, list[str]]]:
    """The entrypoint: the module, its example inputs (64 training rows), the output's name."""
    module = Recommender()
    module.load_state_dict(load_file(FOLDER / "weights.safetensors"))
    rows = load_file(FOLDER / "samples.safetensors")
    inputs = {name: rows[f"input/{name}"] for name in ("history", "book")}
    return module.eval(), inputs, {"output_names": ["rating"]}
