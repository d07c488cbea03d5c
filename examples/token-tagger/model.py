"""A small transformer that tags people, organisations, places and dates, in plain PyTorch.

``load()`` is the entrypoint: it reads ``weights.safetensors`` (made by ``train.py``, stored in
float16, computed with in float32) and ``samples.safetensors`` from this folder.
Inputs: ``words`` and ``shapes``, int64 [n, 24]: numbers of words (lines of ``vocabulary.txt`` from
0; 0 is no word, 1 an unknown one) and of how they are written (0 no word, 1 lower case, 2 capital
first, 3 all capitals, 4 digits, 5 else). Output: ``tags``, float32 [n, 24, 9], a logit for each of
O, B-PER, I-PER, B-ORG, I-ORG, B-LOC, I-LOC, B-DATE, I-DATE.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(__file__).parent
TOKENS, SHAPES, TAGS = 24, 6, 9
WIDTH, HIDDEN, HEADS, LAYERS = 64, 128, 4, 2


class Layer(nn.Module):
    """Attention over the words, then a small network at each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.network_norm = nn.LayerNorm(WIDTH)
        self.widen = nn.Linear(WIDTH, HIDDEN)
        self.narrow = nn.Linear(HIDDEN, WIDTH)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """[n, 24, 64], and a bias [n, 1, 1, 24] that is very negative where there is no word."""
        given = self.attention_norm(hidden)
        query, key, value = (_heads(f(given)) for f in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        hidden = hidden + self.attended(mixed.transpose(1, 2).flatten(2))
        return hidden + self.narrow(F.gelu(self.widen(self.network_norm(hidden))))


def _heads(hidden: Tensor) -> Tensor:
    return hidden.unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)


class TokenTagger(nn.Module):
    """98 thousand parameters. ``vocabulary``: how many words it knows."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.shapes = nn.Embedding(SHAPES, WIDTH)
        self.places = nn.Embedding(TOKENS, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, TAGS)

    def forward(self, words: Tensor, shapes: Tensor) -> Tensor:
        """Two int64 [n, 24] → float32 [n, 24, 9]."""
        hidden = self.words(words) + self.shapes(shapes) + self.places.weight
        bias = (words == 0).to(torch.float32)[:, None, None, :] * -1e4
        for layer in self.layers:
            hidden = layer(hidden, bias)
        return self.head(self.norm(hidden))


def load() -> tuple[nn.Module, dict[str, Tensor], dict[str, list[str]]]:
    """The entrypoint: the module, its example inputs (64 training sentences), the output's name."""
    weights = {k: v.float() for k, v in load_file(FOLDER / "weights.safetensors").items()}
    module = TokenTagger(len(weights["words.weight"]))
    module.load_state_dict(weights)
    rows = load_file(FOLDER / "samples.safetensors")
    inputs = {name: rows[f"input/{name}"] for name in ("words", "shapes")}
    return module.eval(), inputs, {"output_names": ["tags"]}
