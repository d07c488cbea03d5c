"""Make ``weights.safetensors``: train the token tagger from the start.

    python examples/prepare.py --out build/examples --example token-tagger
    python examples/token-tagger/train.py --prepared build/examples

Needs torch and safetensors; about a minute on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file, save_file

SEED = 20240607
EPOCHS, BATCH = 10, 64
LEARNING_RATE = 2e-3
#: Words that are hidden while training, so that the tagger learns to read around unknown ones.
HIDDEN_SHARE = 0.15
UNKNOWN = 1


def main() -> None:
    """Train and write the weights, in float16, beside this file or where ``--weights`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prepared", type=Path, required=True, help="prepare.py's --out")
    parser.add_argument(
        "--weights", type=Path, default=Path(__file__).with_name("weights.safetensors")
    )
    options = parser.parse_args()
    sys.path.insert(0, str(options.prepared / "token-tagger"))
    from model import TokenTagger  # noqa: PLC0415 - lies in the prepared folder

    data = load_file(options.prepared / "token-tagger-data/training.safetensors")
    words, shapes, labels = (data[name] for name in ("input/words", "input/shapes", "label"))
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    module = TokenTagger(
        len((options.prepared / "token-tagger/vocabulary.txt").read_text().splitlines())
    )
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels)).split(BATCH):
            seen = words[rows]
            hidden = (torch.rand(seen.shape) < HIDDEN_SHARE) & (seen != 0)
            logits = module(seen.masked_fill(hidden, UNKNOWN), shapes[rows])
            optimizer.zero_grad()
            F.cross_entropy(logits.flatten(0, 1), labels[rows].flatten()).backward()
            optimizer.step()
            schedule.step()
    save_file({k: v.half() for k, v in module.state_dict().items()}, options.weights)


if __name__ == "__main__":
    main()
