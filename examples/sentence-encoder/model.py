"""all-MiniLM-L6-v2, a sentence encoder, in plain PyTorch.

``load()`` is the entrypoint: it reads ``model.safetensors`` (the published weights) and
``sentences.json`` (example sentences, tokenised) from this folder.
Input: ``input_ids`` and ``attention_mask``, int64 [n, 64]. Output: ``embedding``, float32
[n, 384], of length 1, so that the dot product of two is their cosine.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(__file__).parent
TOKENS = 64
VOCABULARY, HIDDEN, INTERMEDIATE, HEADS, LAYERS, POSITIONS = 30522, 384, 1536, 12, 6, 512
EPSILON = 1e-12


class Embeddings(nn.Module):
    """Token, position and (constant) segment embeddings, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, HIDDEN)
        self.position_embeddings = nn.Embedding(POSITIONS, HIDDEN)
        self.token_type_embeddings = nn.Embedding(2, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=EPSILON)

    def forward(self, input_ids: Tensor) -> Tensor:
        """[n, t] token numbers → [n, t, 384]."""
        tokens = input_ids.shape[1]
        positions = self.position_embeddings.weight[:tokens]
        segment = self.token_type_embeddings.weight[0]
        return self.LayerNorm(self.word_embeddings(input_ids) + positions + segment)


class Projection(nn.Module):
    """A linear map, added to its residual and normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=EPSILON)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """[n, t, width] and [n, t, 384] → [n, t, 384]."""
        return self.LayerNorm(self.dense(hidden) + residual)


class SelfAttention(nn.Module):
    """Twelve heads over the tokens that the mask lets through."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(HIDDEN, HIDDEN)
        self.key = nn.Linear(HIDDEN, HIDDEN)
        self.value = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """[n, t, 384], and a bias [n, 1, 1, t] that is very negative at padding."""
        query, key, value = (self._heads(f(hidden)) for f in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return mixed.transpose(1, 2).flatten(2)

    @staticmethod
    def _heads(hidden: Tensor) -> Tensor:
        return hidden.unflatten(2, (HEADS, HIDDEN // HEADS)).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention with its projection."""

    def __init__(self) -> None:
        super().__init__()
        self.self = SelfAttention()
        self.output = Projection(HIDDEN)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """[n, t, 384] → [n, t, 384]."""
        return self.output(self.self(hidden, bias), hidden)


class Intermediate(nn.Module):
    """The widening half of the feed-forward part."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(HIDDEN, INTERMEDIATE)

    def forward(self, hidden: Tensor) -> Tensor:
        """[n, t, 384] → [n, t, 1536]."""
        return F.gelu(self.dense(hidden))


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.intermediate = Intermediate()
        self.output = Projection(INTERMEDIATE)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """[n, t, 384] → [n, t, 384]."""
        attended = self.attention(hidden, bias)
        return self.output(self.intermediate(attended), attended)


class SentenceEncoder(nn.Module):
    """Tokens → one vector of length 1 a sentence. Part names are those in the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Two int64 [n, t] → float32 [n, 384]: mean over the tokens, normalised."""
        mask = attention_mask.to(torch.float32)
        bias = (1.0 - mask)[:, None, None, :] * -1e4
        hidden = self.embeddings(input_ids)
        for layer in self.encoder["layer"]:
            hidden = layer(hidden, bias)
        weights = mask[:, :, None]
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)
        return F.normalize(mean, dim=1)


def load() -> tuple[nn.Module, dict[str, Tensor], dict[str, list[str]]]:
    """The entrypoint: the module, its example inputs (16 sentences), the output's name."""
    module = SentenceEncoder()
    weights = load_file(FOLDER / "model.safetensors")
    unused = ("pooler.", "embeddings.position_ids")
    module.load_state_dict({k: v for k, v in weights.items() if not k.startswith(unused)})
    examples = json.loads((FOLDER / "sentences.json").read_text())
    inputs = {
        name: torch.tensor(examples[name], dtype=torch.int64)
        for name in ("input_ids", "attention_mask")
    }
    return module.eval(), inputs, {"output_names": ["embedding"]}
